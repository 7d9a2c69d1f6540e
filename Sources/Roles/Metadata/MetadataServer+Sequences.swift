internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage

// SEQ_QUERY and FLD_QUERY: what servers come for over their light-weight connections, and clients before their first
// create (spec 10 §11, 11 §10).
extension MetadataServer {
  /// SEQ_QUERY: super-ranges for servers, which connect as such (spec 11 §4.3, §10), single sequences for everybody.
  mutating func serveSequences(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    let operation: UInt32
    let asked: SequenceRange
    do throws(WireError) {
      (operation, asked) = try Self.read(received, node.turn.memory.bytes(received.bytes))
    } catch {
      counters.malformed += 1
      return node.rpc.refuse(request, .eproto, turn: &node.turn)
    }
    if let saved = node.connections.savedReply(
      to: received.body, xid: received.xid, of: export)
    {
      guard let range = sequences.range(operation, saved: saved.data) else {
        counters.malformed += 1
        return node.rpc.refuse(request, .eproto, turn: &node.turn)
      }
      counters.sequencesRepeated += 1
      return reply(request, export, range, &node)
    }
    if operation == 0, !isServer(export, node) {
      counters.sequencesRefused += 1
      return node.rpc.refuse(request, .eperm, turn: &node.turn)
    }
    guard hasRoomToRecord(disk) else {
      // Clients come again after this one (spec 10 §9.2).
      counters.turnedAway += 1
      return node.rpc.refuse(request, .einprogress, turn: &node.turn)
    }
    sequences.record(&disk)
    if operation == 1,
      sequences.own.start == nil || !allowance.take(by: export, at: node.turn.now)
    {
      // The first metadata target has not given a range yet, or the client has had many: it comes again.
      counters.turnedAway += 1
      return node.rpc.refuse(request, .einprogress, turn: &node.turn)
    }
    let handedOut: SequenceGrant?
    switch operation {
    case 0:
      guard let owner = RangeOwner(asked, at: received.source.nid) else {
        counters.malformed += 1
        return node.rpc.refuse(request, .eproto, turn: &node.turn)
      }
      let isRegistered = isRegistered(asked, at: received.source.nid)
      guard sequences.mayTakeSuper(owner, isRegistered: isRegistered) else {
        counters.sequencesRefused += 1
        return node.rpc.refuse(request, .enospc, turn: &node.turn)
      }
      handedOut = sequences.takeSuper(owner)
    case 1: handedOut = sequences.takeMeta()
    default:
      counters.malformed += 1
      return node.rpc.refuse(request, .eproto, turn: &node.turn)
    }
    guard let handedOut else {
      counters.unsupported += 1
      return node.rpc.refuse(request, .eopnotsupp, turn: &node.turn)
    }
    counters.sequencesServed += 1
    record(handedOut, for: request, export, &disk, &node)
  }

  /// Whether the client is a server: its light-weight connection, or one between metadata targets (spec 11 §4.3).
  private func isServer(_ export: ExportHandle, _ node: borrowing NodeCore) -> Bool {
    guard let view = node.connections.view(export) else { return false }
    return !view.granted.flags.isDisjoint(with: [.lightweight, .mdsToMDS])
  }

  /// Whether the file system's configuration has a target with this number where the request comes from.
  private func isRegistered(_ asked: SequenceRange, at nid: NID) -> Bool {
    registered.contains {
      $0.flags == asked.flags && $0.index == asked.index
        && (nid == .loopback || $0.nids.contains(nid))
    }
  }

  mutating func serveLocation(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    let operation: UInt32
    let asked: SequenceRange
    do throws(WireError) {
      (operation, asked) = try Self.read(received, node.turn.memory.bytes(received.bytes))
    } catch {
      counters.malformed += 1
      return node.rpc.refuse(request, .eproto, turn: &node.turn)
    }
    guard operation == 2 else {
      counters.unsupported += 1
      return node.rpc.refuse(request, .eopnotsupp, turn: &node.turn)
    }
    guard let range = sequences.range(of: asked.start) else {
      counters.unknownFiles += 1
      return node.rpc.reply(
        request, node.connections.replyFields(export, status: WireErrno.enoent.status),
        turn: &node.turn)
    }
    counters.locationsServed += 1
    reply(request, export, range, &node)
  }

  /// Both requests: a number that says what is wanted, and a range.
  static func read(
    _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(WireError) -> (UInt32, SequenceRange) {
    guard let place = received.message.range(of: 1, in: bytes), place.count >= 4 else {
      throw .missingBuffer(index: 1, of: UInt8(clamping: received.message.bufferCount))
    }
    let operation = bytes.native(
      UInt32.self, at: place.lowerBound, swapped: received.message.swapped)
    let range = try received.message.value(SequenceRange.self, at: 2, in: bytes)
    return (operation, range)
  }
}

/// Whose a super-range is: the target that it says it is, and the node that it came from.
struct RangeOwner: Equatable {
  /// A target's.
  let index: UInt16
  /// As in `lu_seq_range`: 0 metadata targets, 1 object targets.
  let flags: UInt8
  /// Made of the node's NID, 24 bits; 0 when it is not known: the record is older than this.
  let node: UInt32

  /// Nil for what no target can say of itself.
  init?(_ asked: SequenceRange, at nid: NID) {
    guard let index = UInt16(exactly: asked.index), let flags = UInt8(exactly: asked.flags) else {
      return nil
    }
    self.index = index
    self.flags = flags
    let mixed = nid.rawValue &* 0xBF58_476D_1CE4_E5B9
    node = max(1, UInt32(truncatingIfNeeded: mixed >> 40))
  }

  /// What the disk remembers: the index in 32 bits, the flags in 8, the node in 24.
  var stored: UInt64 { UInt64(node) << 40 | UInt64(flags) << 32 | UInt64(index) }

  init(stored: UInt64) {
    index = UInt16(truncatingIfNeeded: stored)
    flags = UInt8(truncatingIfNeeded: stored >> 32)
    node = UInt32(truncatingIfNeeded: stored >> 40)
  }
}

/// The sequences of FIDs that the first metadata target hands out, and to whom.
///
/// A super-range is a target's own, of 2³⁰ sequences; a meta-range is one client's or object target's, of one. The
/// disk remembers each before it is told: none is ever given twice. In it a super-range is a record under its first
/// sequence; how far the own range is handed out is a record of `OwnSequences`.
struct SequenceTable {
  /// The first sequence that is not reserved, and how many a target is given.
  static let first: UInt64 = 0x2_0000_0400
  static let width: UInt64 = 0x4000_0000
  /// Targets that may come.
  static let superMax = 4096
  /// Super-ranges of one target: it needs one in its life, and another when it has lost its disk.
  static let superMaxOfOwner = 16
  /// Super-ranges of all targets of one node, whoever they say they are: 64 targets have four each.
  static let superMaxOfNode = 256
  /// Super-ranges that are given to those whom the configuration does not name where they are; the others are for those
  /// that it names, however many lie.
  static let superMaxOfStrangers = 2048
  /// Tells the numbers of super-ranges from those of single sequences, which are below `width`, in replies that are kept.
  private static let superMark: UInt32 = 1 << 31

  private let index: UInt32
  /// The owner of each super-range but the first, which is the first metadata target's; nil for one that was never
  /// told, because its record could not be made durable.
  private var owners: [RangeOwner?] = []
  /// What this target hands out itself.
  private(set) var own: OwnSequences

  init(index: UInt32, stored: [(sequence: UInt64, lastID: UInt64)]) {
    self.index = index
    own = OwnSequences(
      index: index, flags: 0, start: index == 0 ? Self.first : nil, stored: stored)
    for (key, value) in stored
    where key >= Self.first + Self.width && (key - Self.first) / Self.width <= UInt64(Self.superMax)
    {
      let place = Int((key - Self.first) / Self.width)
      while owners.count < place { owners.append(nil) }
      owners[place - 1] = RangeOwner(stored: value)
    }
  }

  /// Whether a target may have another range: not that one takes all, nor one node in the name of many, nor many nodes
  /// what others need.
  ///
  /// - Parameter isRegistered: the configuration has it on its node; what others have taken in its name is not its.
  func mayTakeSuper(_ owner: RangeOwner, isRegistered: Bool) -> Bool {
    if isRegistered { return owners.count { $0 == owner } < Self.superMaxOfOwner }
    guard owners.count < Self.superMaxOfStrangers else { return false }
    var ofTarget = 0
    var ofNode = 0
    for case let other? in owners {
      if other.index == owner.index, other.flags == owner.flags { ofTarget += 1 }
      if other.node == owner.node { ofNode += 1 }
    }
    return ofTarget < Self.superMaxOfOwner && ofNode < Self.superMaxOfNode
  }

  /// A range for a target, with the record that is to be durable before it is told; nil where none are given.
  mutating func takeSuper(_ owner: RangeOwner) -> SequenceGrant? {
    guard index == 0, owners.count < Self.superMax else { return nil }
    owners.append(owner)
    guard let range = superRange(owners.count) else { return nil }
    return SequenceGrant(
      range: range, number: UInt32(owners.count) | Self.superMark, key: range.start,
      value: owner.stored)
  }

  /// One sequence of the own range.
  mutating func takeMeta() -> SequenceGrant? { own.take() }

  /// The first metadata target has given this one a range.
  mutating func receive(_ range: SequenceRange, _ disk: inout TargetDisk) {
    own.receive(range, &disk)
  }

  mutating func record(_ disk: inout TargetDisk) { own.record(&disk) }
  mutating func recorded(_ errno: Int32) { own.recorded(errno) }

  /// What was given out to a request whose reply was kept: super-ranges for operation 0, single sequences for
  /// operation 1; nil for one of the other operation.
  func range(_ operation: UInt32, saved data: UInt32) -> SequenceRange? {
    let isSuper = data & Self.superMark != 0
    let number = data & ~Self.superMark
    switch operation {
    case 0 where isSuper: return Int(number) <= owners.count ? superRange(Int(number)) : nil
    case 1 where !isSuper: return own.range(number: number)
    default: return nil
    }
  }

  /// The super-range that a sequence lies in, and whose it is.
  func range(of sequence: UInt64) -> SequenceRange? {
    // The root's sequence is the first metadata target's (spec 11 §15).
    if index == 0, sequence == FID.root.sequence {
      var range = SequenceRange()
      range.start = sequence
      range.end = sequence + 1
      return range
    }
    guard index == 0 else { return own.range(of: sequence) }
    guard sequence >= Self.first else { return nil }
    let place = (sequence - Self.first) / Self.width
    return place <= UInt64(owners.count) ? superRange(Int(place)) : nil
  }

  private func superRange(_ place: Int) -> SequenceRange? {
    var range = SequenceRange()
    range.start = Self.first + UInt64(place) * Self.width
    range.end = range.start + Self.width
    guard place > 0 else { return range }
    guard let owner = owners[place - 1] else { return nil }
    range.index = UInt32(owner.index)
    range.flags = UInt32(owner.flags)
    return range
  }
}
