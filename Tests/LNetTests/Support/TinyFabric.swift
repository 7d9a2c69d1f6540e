// A fabric for tests: carries messages between nodes as a driver would, in one step each.
// It does what spec 02 §6 says of IMMEDIATE, PUT_REQ and GET_REQ; faults are given per message.
import LustreWire
import RDMATransport
import Structures

@testable import LNet

final class TinyFabric {
  enum Fate {
    case carried
    /// Lost on the way, as far as the sender knows sent.
    case lost
    /// Not sent.
    case failed(SendOutcome)
    /// PUT_REQ, GET_REQ: the header arrives, the data does not.
    case dataFails
  }

  let nodes: [TestNode]
  /// What happens to a message; all are carried unless a test says otherwise.
  var fate: (LNDMessage) -> Fate = { _ in .carried }
  /// Every message that was put on the wire.
  var wire: [LNDMessage] = []
  /// Transfers that wait for the target's late answer, by node and reception.
  private var open: [Key: Transfer] = [:]
  private var nextReception: UInt32 = 1

  private struct Key: Hashable {
    var node: Int
    var reception: UInt32
  }
  private struct Transfer {
    var message: LNDMessage
    var sender: TestNode
    var piece: BufferRef
    var dataFails: Bool
  }

  init(_ nodes: [TestNode]) { self.nodes = nodes }

  /// Carries messages until none is left.
  func run() {
    var isBusy = true
    while isBusy {
      isBusy = false
      for node in nodes {
        node.expire()
        settleLate(node)
        for message in node.takeOutbox() {
          isBusy = true
          carry(message, from: node)
        }
        settleLate(node)
      }
    }
  }

  /// Lets time pass for all nodes.
  func advance(to now: UInt64, step: UInt64 = 100_000_000) {
    var time = nodes[0].turn.now
    while time < now {
      time = min(now, time + step)
      for node in nodes { node.advance(to: time) }
      run()
    }
  }

  private func node(with nid: NID) -> (node: TestNode, interface: UInt8)? {
    for node in nodes {
      if let index = node.nids.firstIndex(of: nid) { return (node, UInt8(index)) }
    }
    return nil
  }

  private func carry(_ message: LNDMessage, from sender: TestNode) {
    wire.append(message)
    let fate = fate(message)
    if case .failed(let outcome) = fate {
      sender.finish(message, outcome)
      return
    }
    guard let (target, interface) = node(with: message.peer) else {
      sender.finish(message, .remoteDropped, status: -113)
      return
    }
    if case .lost = fate {
      sender.finish(message)
      return
    }
    let isLong = message.payload.length > UInt32(immediatePayloadByteCountMax)
    let isGet = message.sink != .none
    var payload: [UInt8] = []
    if !isLong && !isGet { payload = sender.bytes(message.payload) }
    guard let piece = target.turn.memory.messages.allocatePiece() else {
      preconditionFailure("a receiver without a posted piece")
    }
    var raw = [UInt8](repeating: 0, count: LNetHeader.byteCount)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      message.header.encode(into: &bytes)
    }
    let part = piece.part(offset: 0, length: 120 + payload.count)
    target.write(raw + payload, to: part.part(offset: 48, length: 72 + payload.count))
    let reception = nextReception
    nextReception += 1
    var event = LNDEvent(
      kind: isGet ? .getRequest : isLong ? .putRequest : .immediate, interface: interface,
      peer: message.header.source.nid, reception: ReceptionID(raw: Handle(raw: reception)),
      piece: part, headerOffset: 48)
    if !isLong && !isGet { sender.finish(message) }
    let answer = target.lnet.received(&event, turn: &target.turn)
    var dataFails = false
    if case .dataFails = fate { dataFails = true }
    let transfer = Transfer(
      message: message, sender: sender, piece: piece, dataFails: dataFails)
    if case .held = answer {
      open[Key(node: index(of: target), reception: reception)] = transfer
    } else {
      settle(answer, transfer, at: target)
    }
  }

  private func index(of node: TestNode) -> Int {
    nodes.firstIndex { $0 === node } ?? -1
  }

  private func settleLate(_ node: TestNode) {
    node.collect()
    let answers = node.lateAnswers
    node.lateAnswers = []
    for late in answers {
      let key = Key(node: index(of: node), reception: late.reception.raw.raw)
      guard let transfer = open.removeValue(forKey: key) else {
        preconditionFailure("an answer to a reception that nobody holds")
      }
      settle(late.answer, transfer, at: node)
    }
  }

  /// How many receptions wait for an answer.
  var openCount: Int { open.count }

  private func settle(_ answer: ReceptionAnswer, _ transfer: Transfer, at target: TestNode) {
    target.turn.memory.release(transfer.piece)
    let message = transfer.message
    let sender = transfer.sender
    let peer = message.header.source.nid
    switch answer {
    case .held: preconditionFailure("held twice")
    case .consumed: break
    case .protocolError:
      preconditionFailure("our own node broke the protocol: \(message)")
    case .acceptPut(let sink, let ticket):
      if transfer.dataFails {
        sender.finish(message, .remoteError)
        target.putDone(ticket, status: -5, from: peer)
      } else {
        let bytes = sender.bytes(message.payload)
        target.write(Array(bytes.prefix(Int(sink.length))), to: sink)
        sender.finish(message)
        target.putDone(ticket, status: Int32(sink.length), from: peer)
      }
    case .refusePut(let status):
      sender.finish(message, status < 0 ? .remoteError : .success, status: status)
    case .serveGet(let source, let ticket):
      let status: Int32 = transfer.dataFails ? -5 : Int32(source.length)
      if !transfer.dataFails {
        sender.write(
          target.bytes(source), to: message.sink.part(offset: 0, length: Int(source.length)))
      }
      target.lnet.getServed(
        LNDEvent(kind: .getServed, peer: peer, status: status, ticket: ticket),
        turn: &target.turn)
      answerGet(message, status: status, to: sender)
    case .refuseGet(let status):
      answerGet(message, status: status, to: sender)
    }
  }

  private func answerGet(_ message: LNDMessage, status: Int32, to sender: TestNode) {
    sender.lnet.getReply(
      LNDEvent(
        kind: .getReply, interface: message.interface, peer: message.peer, status: status,
        message: message.id), turn: &sender.turn)
    sender.finish(message)
  }
}
