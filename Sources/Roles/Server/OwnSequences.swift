internal import LustreWire
internal import Storage

/// A range of sequences that is handed out, the number from which it can be told again, and what the disk is to
/// remember before it is told.
struct SequenceGrant {
  var range: SequenceRange
  var number: UInt32
  var key: UInt64
  var value: UInt64
}

/// The sequences that a target may hand out one by one: a super-range that the first metadata target has given to it,
/// or, at that target, the first range of all (spec 10 §11, 11 §10, §13).
///
/// The disk remembers the range and how far it has been handed out before anybody is told: none is given twice.
struct OwnSequences {
  /// Records of the disk, among those of sequences in which nobody makes objects: how far the range is handed out, and
  /// where it begins.
  static let nextKey: UInt64 = 1
  static let startKey: UInt64 = 3
  /// The number of the command that records a range.
  static let ticket: UInt32 = .max - 3

  private let index: UInt32
  /// As in `lu_seq_range`: 0 metadata targets, 1 object targets.
  private let flags: UInt32
  private(set) var start: UInt64?
  private var next: UInt64
  /// A range that was given and is not on disk yet, and whether the disk is writing it.
  private var granted: UInt64?
  private var isRecording = false
  /// The disk could not write it: it is asked again with the next request, not at once.
  private var hasFailed = false

  /// - Parameter start: of the range that needs no giving.
  init(
    index: UInt32, flags: UInt32, start: UInt64? = nil,
    stored: [(sequence: UInt64, lastID: UInt64)]
  ) {
    self.index = index
    self.flags = flags
    self.start = start
    // The first sequence of a metadata target's stays unused, as at a real one.
    next = flags == 0 ? 1 : 0
    for (key, value) in stored {
      if key == Self.nextKey { next = value }
      if key == Self.startKey, start == nil, Self.starts.contains(value) { self.start = value }
    }
  }

  /// Where ranges that were given may begin.
  private static let starts =
    SequenceTable.first...SequenceTable.first + UInt64(SequenceTable.superMax) * SequenceTable.width

  /// Whether a range is one that a target may be given.
  static func accepts(_ range: SequenceRange) -> Bool {
    starts.contains(range.start) && range.end > range.start
      && range.end - range.start == SequenceTable.width
  }

  /// Whether the first metadata target is to be asked for a range.
  var areMissing: Bool { start == nil && granted == nil }

  /// One sequence; nil when there is none.
  mutating func take() -> SequenceGrant? {
    guard let start, next < SequenceTable.width else { return nil }
    let number = UInt32(next)
    next += 1
    return SequenceGrant(
      range: range(number, from: start), number: number, key: Self.nextKey, value: next)
  }

  /// What was handed out under a number.
  func range(number: UInt32) -> SequenceRange? {
    guard let start, UInt64(number) < next else { return nil }
    return range(number, from: start)
  }

  /// The range that a sequence lies in, if it is this one.
  func range(of sequence: UInt64) -> SequenceRange? {
    guard let start, sequence >= start, sequence - start < SequenceTable.width else { return nil }
    var range = range(0, from: start)
    range.end = start + SequenceTable.width
    return range
  }

  private func range(_ number: UInt32, from start: UInt64) -> SequenceRange {
    var range = SequenceRange()
    range.start = start + UInt64(number)
    range.end = range.start + 1
    range.index = index
    range.flags = flags
    return range
  }

  /// The first metadata target has given a range; `accepts` has seen it.
  mutating func receive(_ range: SequenceRange, _ disk: inout TargetDisk) {
    guard areMissing, Self.accepts(range) else { return }
    granted = range.start
    record(&disk)
  }

  /// Writes a range that was given to disk, as soon as there is room, unless that has failed.
  mutating func settle(_ disk: inout TargetDisk) {
    if !hasFailed { record(&disk) }
  }

  /// The same for a request that needs it, whether it has failed or not.
  mutating func record(_ disk: inout TargetDisk) {
    guard let granted, !isRecording, disk.hasRoom() else { return }
    isRecording = true
    hasFailed = false
    disk.ask(
      StorageCommand(
        .setLastID(sequence: Self.startKey, id: granted), ticket: Self.ticket, isSync: true))
  }

  /// The disk has written it, or could not: it is tried again with the next request.
  mutating func recorded(_ errno: Int32) {
    isRecording = false
    hasFailed = errno != 0
    guard errno == 0 else { return }
    start = granted
    granted = nil
  }
}
