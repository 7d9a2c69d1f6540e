/// Walks a list of source and a list of sink fragments in parallel (spec 02 §6.5).
///
/// Each step moves the most that both present fragments and the total allow. The walk knows only
/// lengths; it can be stopped between two steps and taken up again, as a transfer with more WRITEs
/// than the send queue holds must be. Fragments of no length are skipped.
package struct FragmentWalk: Equatable, Sendable, BitwiseCopyable {
  /// A run of bytes inside one source and one sink fragment.
  package struct Step: Equatable, Sendable, BitwiseCopyable {
    package var source: Int
    package var sourceOffset: Int
    package var sink: Int
    package var sinkOffset: Int
    package var byteCount: Int
  }

  package private(set) var remaining: Int
  private var source = 0
  private var sourceOffset = 0
  private var sink = 0
  private var sinkOffset = 0

  /// - Parameter total: bytes to move.
  package init(total: Int) { remaining = total }

  package var isDone: Bool { remaining == 0 }

  /// The source and the sink fragment that the next step begins in.
  package var sourceIndex: Int { source }
  package var sinkIndex: Int { sink }

  /// The next step, given how long the two present fragments are; nil when all is moved. A step of
  /// no bytes leaves a fragment of no length behind.
  package mutating func step(sourceByteCount: Int, sinkByteCount: Int) -> Step? {
    guard remaining > 0 else { return nil }
    let count = min(sourceByteCount - sourceOffset, sinkByteCount - sinkOffset, remaining)
    let step = Step(
      source: source, sourceOffset: sourceOffset, sink: sink, sinkOffset: sinkOffset,
      byteCount: count)
    remaining -= count
    sourceOffset += count
    sinkOffset += count
    if sourceOffset == sourceByteCount {
      source += 1
      sourceOffset = 0
    }
    if sinkOffset == sinkByteCount {
      sink += 1
      sinkOffset = 0
    }
    return step
  }

  /// The next step; nil when all is moved or one of the lists has ended before.
  ///
  /// - Parameters:
  ///   - sources: bytes of source fragment i; nil beyond the last one.
  ///   - sinks: the same for the sink.
  package mutating func next(sources: (Int) -> Int?, sinks: (Int) -> Int?) -> Step? {
    while let sourceLength = sources(source), let sinkLength = sinks(sink),
      let step = step(sourceByteCount: sourceLength, sinkByteCount: sinkLength)
    {
      if step.byteCount > 0 { return step }
    }
    return nil
  }

  /// One WRITE: up to two steps that lie behind one another in one sink fragment, as a work request
  /// gathers up to two segments.
  package mutating func nextWrite(
    sources: (Int) -> Int?, sinks: (Int) -> Int?
  ) -> (first: Step, second: Step?)? {
    guard let first = next(sources: sources, sinks: sinks) else { return nil }
    var ahead = self
    if let second = ahead.next(sources: sources, sinks: sinks), second.sink == first.sink {
      self = ahead
      return (first, second)
    }
    return (first, nil)
  }

  /// How many WRITEs the whole walk takes; nil when one of the lists is too short.
  package static func writeCount(
    total: Int, sources: (Int) -> Int?, sinks: (Int) -> Int?
  ) -> Int? {
    var walk = FragmentWalk(total: total)
    var count = 0
    while walk.nextWrite(sources: sources, sinks: sinks) != nil { count += 1 }
    return walk.isDone ? count : nil
  }
}
