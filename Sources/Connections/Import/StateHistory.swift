/// One change of an import's state.
package struct ImportTransition: Equatable, Sendable, BitwiseCopyable {
  /// Nanoseconds, as the turn's.
  package var time: UInt64
  package var old: ImportState
  package var new: ImportState
  package var event: ImportEvent

  package init(time: UInt64, old: ImportState, new: ImportState, event: ImportEvent) {
    self.time = time
    self.old = old
    self.new = new
    self.event = event
  }
}

/// The last changes of an import's state, as the `state` parameter of the real tools shows them.
///
/// Times and triples are kept apart, so that 16 changes take 176 bytes and not 256.
package struct StateHistory: Sendable, BitwiseCopyable {
  /// How many changes are kept, as Lustre does.
  package static let length = 16

  private var times: InlineArray<16, UInt64>
  /// Old and new state in the low byte, the event in the high one.
  private var changes: InlineArray<16, UInt16>
  /// All changes so far.
  package private(set) var count: UInt32

  package init() {
    times = InlineArray(repeating: 0)
    changes = InlineArray(repeating: 0)
    count = 0
  }

  mutating func record(_ transition: ImportTransition) {
    let place = Int(count % UInt32(Self.length))
    times[place] = transition.time
    changes[place] =
      UInt16(transition.old.rawValue) | UInt16(transition.new.rawValue) << 4
      | UInt16(transition.event.rawValue) << 8
    count &+= 1
  }

  /// How many changes can be read.
  package var available: Int { Int(min(count, UInt32(Self.length))) }

  /// A change; 0 is the oldest that is kept.
  package subscript(index: Int) -> ImportTransition {
    precondition(index >= 0 && index < available, "no such change")
    let place = (Int(count) - available + index) % Self.length
    let change = changes[place]
    guard let old = ImportState(rawValue: UInt8(change & 0xF)),
      let new = ImportState(rawValue: UInt8(change >> 4 & 0xF)),
      let event = ImportEvent(rawValue: UInt8(change >> 8))
    else { preconditionFailure("a change that was never recorded") }
    return ImportTransition(time: times[place], old: old, new: new, event: event)
  }
}
