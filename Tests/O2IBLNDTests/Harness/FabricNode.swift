// A node of the fabric: a driver, and an LNet that checks what it is told.

import BasicContainers
import LNet
import LustreWire
import RDMATransport
import Structures

@testable import O2IBLND

final class FabricNode {
  let nid: NID
  let memory: TestMemory
  var lnd: O2IBLND
  var turn: Turn
  var cmEvents: [CMEvent] = []
  var completions: [WorkCompletion] = []
  /// Events that must come after every completion.
  var released: [CMEvent] = []
  var isListening = false
  /// What was sent and has not ended.
  var open: [UInt32: Open] = [:]
  var ended = 0
  var succeeded = 0
  /// Receptions that this LNet holds for a while.
  var held: [LNDEvent] = []
  /// Accepted PUTs and served GETs by ticket.
  var tickets: [UInt32: Ticket] = [:]
  var nextID: UInt32 = 0
  var nextTicket: UInt32 = 0
  var sendsLeft = 0
  var isHolding = true

  struct Open {
    var payload: BufferRef
    var sink: BufferRef
    var pattern: UInt8
    var replied: Int32?
  }

  struct Ticket {
    var ref: BufferRef
    var pattern: UInt8
    var isSink: Bool
  }

  init(
    number: Int, depth: Int, limits: O2IBLimits = .small, connections: Int = 1,
    messagePieces: Int = 1500, seed: UInt64 = 1
  ) {
    nid = NID.o2ib(0x0A00_0001 + UInt32(number))
    memory = TestMemory(messagePieces: messagePieces, bulkPieces: 512)
    var configuration = O2IBConfiguration()
    try? configuration.set("peer_credits", to: depth)
    try? configuration.set("conns_per_peer", to: connections)
    lnd = O2IBLND(
      configuration: configuration, limits: limits,
      interfaces: [
        O2IBInterface(
          index: 0, nid: nid, stamp: 0x100 + UInt64(number), ipv4: 0x0A00_0001 + UInt32(number))
      ], timerKind: 7)
    turn = Turn(
      now: 1_000_000_000, memory: memory.makeNodeMemory(),
      timerCount: O2IBLND.timerCount(limits), seed: seed, batchCapacity: 200, commandCapacity: 24)
    lnd.start(&turn)
  }

  // MARK: - What LNet does

  func act(_ fabric: Fabric) {
    if completions.isEmpty {
      cmEvents += released
      released = []
    }
    if isHolding && !held.isEmpty && fabric.below(3) == 0 {
      answer(held.remove(at: fabric.below(held.count)), fabric)
    }
    while !isHolding, !held.isEmpty { answer(held.removeFirst(), fabric) }
    var burst = fabric.below(5)
    while burst > 0, sendsLeft > 0, open.count < 60 {
      burst -= 1
      sendsLeft -= 1
      send(fabric)
    }
  }

  private func send(_ fabric: Fabric) {
    var target = fabric.below(fabric.nodes.count - 1)
    if fabric.nodes[target].nid == nid { target = fabric.nodes.count - 1 }
    let id = nextID
    nextID += 1
    let pattern = UInt8(truncatingIfNeeded: id &* 31 &+ 7)
    let lengths = [1, 100, 3976, 3977, 8192, 20000]
    let length = lengths[fabric.below(lengths.count)]
    var message = LNDMessage(
      id: Handle(raw: id), interface: 0, peer: fabric.nodes[target].nid,
      header: OneNode.outgoing(.ack, to: fabric.nodes[target].nid))
    switch fabric.below(5) {
    case 0: break
    case 1, 2:
      guard let run = turn.memory.bulk.allocateRun(byteCount: length) else { return }
      fill(run, pattern)
      message.payload = run
      message.header = OneNode.outgoing(.put(length), to: message.peer)
    case 3:
      guard length <= 3976, let piece = turn.memory.messages.allocatePiece() else { return }
      message.payload = piece.part(offset: 120, length: length)
      fill(message.payload, pattern)
      message.header = OneNode.outgoing(.put(length), to: message.peer)
    default:
      guard let run = turn.memory.bulk.allocateRun(byteCount: max(length, 3977)) else { return }
      message.sink = run
      message.header = OneNode.outgoing(.get(max(length, 3977)), to: message.peer)
    }
    open[id] = Open(payload: message.payload, sink: message.sink, pattern: pattern)
    lnd.send(&message, &turn)
    takeEvents(fabric)
  }

  func takeEvents(_ fabric: Fabric) {
    while let event = lnd.events.popFirst() {
      switch event.kind {
      case .immediate, .putRequest, .getRequest:
        if fabric.below(3) == 0 { held.append(event) } else { answer(event, fabric) }
      case .putDone, .getServed: finishTicket(event, fabric)
      case .getReply: open[event.message.raw]?.replied = event.status
      case .finished: finish(event, fabric)
      case .peerDown, .peerLeft: break
      }
    }
  }

  private func answer(_ event: LNDEvent, _ fabric: Fabric) {
    nextTicket += 1
    switch event.kind {
    case .putRequest:
      let refuses = fabric.below(5) == 0
      let length = 1 + fabric.below(3977)
      if !refuses, let run = turn.memory.bulk.allocateRun(byteCount: length) {
        tickets[nextTicket] = Ticket(ref: run, pattern: 0, isSink: true)
        lnd.answer(event.reception, .acceptPut(sink: run, ticket: nextTicket), &turn)
      } else {
        lnd.answer(event.reception, .refusePut(status: refuses ? 0 : -12), &turn)
      }
    case .getRequest:
      let length = 1 + fabric.below(3977)
      if fabric.below(5) > 0, let run = turn.memory.bulk.allocateRun(byteCount: length) {
        fill(run, 0xA5)
        tickets[nextTicket] = Ticket(ref: run, pattern: 0xA5, isSink: false)
        lnd.answer(event.reception, .serveGet(source: run, ticket: nextTicket), &turn)
      } else {
        lnd.answer(event.reception, .refuseGet(status: -61), &turn)
      }
    default:
      let header = try? LNetHeader(decoding: turn.memory.messages.bytes(event.piece), at: 48)
      if let header, header.payloadLength > 0 {
        let piece = event.piece.part(offset: 120, length: Int(header.payloadLength))
        if !isUniform(piece) { fabric.violations.append("payload damaged") }
      } else if header == nil {
        fabric.violations.append("header damaged")
      }
      lnd.answer(event.reception, .consumed, &turn)
    }
  }

  private func finishTicket(_ event: LNDEvent, _ fabric: Fabric) {
    guard let ticket = tickets.removeValue(forKey: event.ticket) else {
      fabric.violations.append("a ticket ended twice")
      return
    }
    if ticket.isSink && event.status > 0 {
      if event.status != Int32(ticket.ref.length) || !isUniform(ticket.ref) {
        fabric.violations.append("PUT data damaged")
      }
    }
    turn.memory.bulk.release(ticket.ref)
  }

  private func finish(_ event: LNDEvent, _ fabric: Fabric) {
    guard let message = open.removeValue(forKey: event.message.raw) else {
      fabric.violations.append("a message ended twice")
      return
    }
    ended += 1
    if event.outcome == .success { succeeded += 1 }
    if message.sink != .none {
      if let replied = message.replied, replied > 0 {
        let part = message.sink.part(offset: 0, length: Int(replied))
        if !isUniform(part) { fabric.violations.append("GET data damaged") }
      } else if event.outcome == .success && message.replied == nil {
        fabric.violations.append("a GET succeeded without a reply")
      }
      turn.memory.bulk.release(message.sink)
    }
    if message.payload != .none { turn.memory.release(message.payload) }
  }

  // MARK: - Bytes

  private func fill(_ ref: BufferRef, _ pattern: UInt8) {
    pointer(turn.memory.address(ref)).initializeMemory(
      as: UInt8.self, repeating: pattern, count: Int(ref.length))
  }

  private func isUniform(_ ref: BufferRef) -> Bool {
    let bytes = UnsafeRawBufferPointer(
      start: pointer(turn.memory.address(ref)), count: Int(ref.length))
    return bytes.allSatisfy { $0 == bytes[0] }
  }

  /// Everything is where it was in the beginning.
  var isClean: Bool {
    lnd.isQuiet && open.isEmpty && tickets.isEmpty && held.isEmpty
      && turn.memory.messages.freePieceCount == turn.memory.messages.pieceCount
      && turn.memory.bulk.freePieceCount == turn.memory.bulk.pieceCount
      && turn.timers.armedCount == 0
  }
}
