package import Connections
package import NodeCore
package import PtlRPC
package import Storage
internal import LustreWire
internal import RDMATransport
internal import Structures

/// A metadata target, as far as connections need one: root, attributes, statistics, and what other servers come for
/// over their light-weight connections: sequences and who owns them (spec 10 §11.1; 11 §6, §10).
///
/// Everything else that a metadata target would serve is recognised, refused with -EOPNOTSUPP and counted.
package struct MetadataServer: TargetServer, ~Copyable {
  package let specification: TargetSpecification
  package internal(set) var counters = MetadataCounters()
  /// Its place among the targets of the node, and the connections' number for it.
  let target: Int
  let slot: UInt32
  var sequences: SequenceTable
  var allowance: SequenceAllowance
  /// Who else there is, as the configuration has it, and on which nodes: as in `lu_seq_range`, 0 metadata targets, 1
  /// object targets.
  private(set) var registered: [(flags: UInt32, index: UInt32, nids: [NID])] = []
  /// By number of an object target: the sequence in which this one makes objects there.
  private(set) var objectSequences: [UInt32: UInt64] = [:]
  var clientSlots: ClientSlots
  /// Requests that wait for the disk; a command's ticket is the place.
  private var waiting: [WaitingRequest]

  /// Requests that may wait for the disk at a time; who comes then is told to come again.
  package static let waitingMax = 64

  private struct WaitingRequest {
    var request = ServerRequestHandle.none
    var export = ExportHandle.none
    /// What is handed out when it is durable; nil for statistics.
    var range: SequenceRange?
    /// Where its reply is kept, and what the reply can be made from again.
    var saved = SavedReplyHandle.none
    var number: UInt32 = 0
    var isTaken = false
  }

  init(
    _ specification: TargetSpecification, target: Int, slot: UInt32, image: TargetImage,
    exports: Int
  ) {
    self.specification = specification
    self.target = target
    self.slot = slot
    sequences = SequenceTable(index: specification.index, stored: image.sequences)
    allowance = SequenceAllowance(exports: exports)
    clientSlots = ClientSlots(image: image, exports: exports)
    waiting = Array(repeating: WaitingRequest(), count: Self.waitingMax)
    objectSequences = Self.objectSequences(in: image.sequences)
  }

  static func objectSequences(
    in stored: [(sequence: UInt64, lastID: UInt64)]
  ) -> [UInt32: UInt64] {
    let possible = SequenceTable.first...(.max - SequenceTable.width)
    var known: [UInt32: UInt64] = [:]
    for (key, value) in stored where objectKeys.contains(key) && possible.contains(value) {
      known[UInt32(key - objectKeys.lowerBound)] = value
    }
    return known
  }

  /// Records of the disk, among those of sequences: in which one objects are made at each object target.
  private static let objectKeys: ClosedRange<UInt64> = 0x1_0000...0x1_FFFF
  /// The number of the command that records one; nobody waits for its end.
  private static let objectTicket: UInt32 = .max - 4

  /// Remembers in which sequence objects are made at an object target, over restarts (spec 11 §10, §13).
  mutating func keep(
    _ sequence: UInt64, ofObjectTarget index: UInt32, _ disk: inout TargetDisk
  ) {
    let key = Self.objectKeys.lowerBound + UInt64(index)
    guard Self.objectKeys.contains(key) else { return }
    objectSequences[index] = sequence
    disk.ask(
      StorageCommand(
        .setLastID(sequence: key, id: sequence), ticket: Self.objectTicket, isSync: true))
  }

  /// The target has learnt, or learnt anew, who else there is.
  mutating func learn(_ map: FileSystemMap) {
    registered =
      map.metadataTargets.map { (0, $0.index, map.nids(of: $0)) }
      + map.objectTargets.map { (1, $0.index, map.nids(of: $0)) }
  }

  package mutating func serve(
    _ request: ServerRequestHandle, of export: ExportHandle, _ disk: inout TargetDisk,
    _ node: inout NodeCore
  ) {
    let received = node.rpc.received(request)
    clientSlots.settle(&disk)
    switch received.body.opcode {
    case .mdsGetRoot:
      counters.rootsServed += 1
      var body = MetadataBody()
      body.fid1 = .root
      body.valid = .id
      reply(request, export, body, empty: 1, &node)
    case .mdsGetAttributes: serveAttributes(request, received, export, &node)
    case .mdsStatfs:
      counters.statisticsServed += 1
      ask(.statistics, for: request, export, &disk, &node)
    case .sequenceQuery: serveSequences(request, received, export, &disk, &node)
    case .fldQuery: serveLocation(request, received, export, &node)
    default:
      counters.unsupported += 1
      node.rpc.refuse(request, .eopnotsupp, turn: &node.turn)
    }
  }

  package mutating func handle(
    _ event: ConnectionsEvent, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    switch event.kind {
    case .exportConnected: clientSlots.connected(event.exportHandle, &node)
    case .exportGone: clientSlots.left(event.handle.slot)
    default: return
    }
    clientSlots.settle(&disk)
  }

  package mutating func ended(
    _ result: StorageResult, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    if ClientSlots.owns(result.ticket) {
      clientSlots.ended(result)
      return clientSlots.settle(&disk)
    }
    if result.ticket == OwnSequences.ticket { return sequences.recorded(result.errno) }
    let place = Int(result.ticket)
    guard place < waiting.count, waiting[place].isTaken else { return }
    let record = waiting[place]
    waiting[place].isTaken = false
    if let error = WireErrno(status: -result.errno) {
      counters.diskErrors += 1
      node.connections.forgetReply(record.saved)
      let fields = node.connections.replyFields(record.export, status: error.status)
      return node.rpc.reply(record.request, fields, turn: &node.turn)
    }
    if let range = record.range {
      node.connections.saveReply(record.saved, transno: 0, data: record.number)
      reply(record.request, record.export, range, &node)
    } else if case .statistics(let statistics) = result.value {
      reply(record.request, record.export, Statfs(ofMetadata: statistics), &node)
    } else {
      preconditionFailure("a store answered something else")
    }
  }

  package mutating func durable(
    _ transno: UInt64, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {}

  // MARK: - For the other files

  /// Asks the disk for what a request needs, which is answered when it comes.
  mutating func ask(
    _ operation: StorageOperation, for request: ServerRequestHandle,
    _ export: ExportHandle, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    guard disk.hasRoom(), let place = waiting.firstIndex(where: { !$0.isTaken }) else {
      // Clients come again after this one (spec 10 §9.2).
      counters.turnedAway += 1
      return node.rpc.refuse(request, .einprogress, turn: &node.turn)
    }
    waiting[place] = WaitingRequest(request: request, export: export, isTaken: true)
    disk.ask(StorageCommand(operation, ticket: UInt32(place)))
  }

  /// Makes a change of the sequences durable, with the reply to its request, which is answered then.
  mutating func record(
    _ handedOut: SequenceGrant, for request: ServerRequestHandle,
    _ export: ExportHandle, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    let received = node.rpc.received(request)
    guard let place = waiting.firstIndex(where: { !$0.isTaken }) else {
      preconditionFailure("handed out without a place to wait")
    }
    waiting[place] = WaitingRequest(
      request: request, export: export, range: handedOut.range, number: handedOut.number,
      isTaken: true)
    if let saved = node.connections.reserveReply(to: received, of: export) {
      waiting[place].saved = saved
      if let slot = clientSlots.slot(of: export),
        let at = node.connections.place(ofReply: saved)
      {
        let result = RequestResult(xid: received.xid, data: handedOut.number)
        let reply = ReplyRecord(
          client: slot, place: at, tag: received.body.tag, opcode: received.body.opcode,
          result: result)
        disk.ask(
          StorageCommand(.setReply(reply), ticket: ClientSlots.silentTicket, continues: true))
      }
    }
    disk.ask(
      StorageCommand(
        .setLastID(sequence: handedOut.key, id: handedOut.value), ticket: UInt32(place),
        isSync: true))
  }

  /// Whether a change can be recorded now; else its client is told to come again.
  func hasRoomToRecord(_ disk: borrowing TargetDisk) -> Bool {
    clientSlots.isSettled && disk.hasRoom(for: 2) && waiting.contains { !$0.isTaken }
  }

  /// Answers with one structure, and empty buffers behind it.
  func reply(
    _ request: ServerRequestHandle, _ export: ExportHandle, _ value: some FixedLayout,
    empty: Int = 0, _ node: inout NodeCore
  ) {
    var lengths = BufferLengths(type(of: value).byteCount)
    for _ in 0..<empty { lengths.append(0) }
    guard let message = try? node.rpc.beginReply(request, buffers: lengths, turn: &node.turn)
    else { return node.rpc.refuse(request, .enomem, turn: &node.turn) }
    var bytes = node.turn.memory.mutableBytes(message)
    value.encode(into: &bytes, at: lengths.offset(of: 1))
    node.rpc.reply(request, node.connections.replyFields(export), turn: &node.turn)
  }

  /// The root's attributes; there is nothing else here.
  private mutating func serveAttributes(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    let asked: MetadataBody
    do throws(WireError) {
      asked = try received.message.value(at: 1, in: node.turn.memory.bytes(received.bytes))
    } catch {
      counters.malformed += 1
      return node.rpc.refuse(request, .eproto, turn: &node.turn)
    }
    guard asked.fid1 == .root, specification.index == 0 else {
      counters.unknownFiles += 1
      return node.rpc.reply(
        request, node.connections.replyFields(export, status: WireErrno.enoent.status),
        turn: &node.turn)
    }
    counters.attributesServed += 1
    reply(request, export, MetadataBody.root, empty: 5, &node)
  }
}

/// What a metadata target has done.
package struct MetadataCounters: Equatable, Sendable, BitwiseCopyable {
  package var rootsServed: UInt64 = 0
  package var attributesServed: UInt64 = 0
  package var statisticsServed: UInt64 = 0
  package var sequencesServed: UInt64 = 0
  /// Sequences asked for again by a client that had lost the reply: the same ones.
  package var sequencesRepeated: UInt64 = 0
  /// Super-ranges that were asked for by who is no server, or has had its share.
  package var sequencesRefused: UInt64 = 0
  package var locationsServed: UInt64 = 0
  /// Attributes of files that are not here.
  package var unknownFiles: UInt64 = 0
  /// Requests whose opcode is known and not served here.
  package var unsupported: UInt64 = 0
  /// Requests without a buffer that they need.
  package var malformed: UInt64 = 0
  /// Requests that found too many waiting for the disk, and sequences that came too fast for one client.
  package var turnedAway: UInt64 = 0
  package var diskErrors: UInt64 = 0

  package init() {}
}
