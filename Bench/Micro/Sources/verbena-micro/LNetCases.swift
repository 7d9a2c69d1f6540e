import CLinuxShims
import LNet
import LustreWire
import NodeCore
import RDMATransport
import Structures

/// LNet alone: a message from its call to its end, and one that arrives.
func measureLNet() throws {
  var end = try End(
    fabric: "micro-lnet-\(clinux_process())", address: 0x0A00_0001, depth: 8, discovers: false)
  let peer = NID(rawValue: 0x0005_0000_0A00_0002)
  end.peer = peer
  let descriptor = end.descriptor
  measure("lnet: PUT, from the call to its end") { times in
    for _ in 0..<times { end.putAndFinish(descriptor) }
  }
  var event = end.arrival(of: end.nid, from: peer)
  measure("lnet: PUT that arrives, read in place") { times in
    for _ in 0..<times { end.receive(&event) }
  }
}

extension End {
  fileprivate mutating func putAndFinish(_ descriptor: DescriptorHandle) {
    do throws(LNetError) {
      try Self.put(descriptor, to: peer, &node)
    } catch { preconditionFailure("\(error)") }
    var id = Handle.none
    node.lnet.handOverMessage { id = $0.id }
    Self.finish(id, &node)
    _ = node.lnet.events.popFirst()
  }

  private static func finish(_ id: Handle, _ node: inout NodeCore) {
    node.lnet.finished(id, .success, status: 0, turn: &node.turn)
  }

  /// The event of an IMMEDIATE with a PUT of 64 bytes.
  fileprivate mutating func arrival(of nid: NID, from peer: NID) -> LNDEvent {
    let header = LNetHeader(
      destination: ProcessID(nid: nid), source: ProcessID(nid: peer), payloadLength: 64,
      body: .put(
        LNetPut(acknowledgeHandle: .none, matchBits: 1, portal: Portal(rawValue: 60))))
    guard let piece = node.turn.memory.messages.allocatePiece() else { preconditionFailure() }
    let part = piece.part(offset: 0, length: 184)
    var bytes = node.turn.memory.mutableBytes(part)
    header.encode(into: &bytes, at: O2IBProtocol.bodyOffset)
    return LNDEvent(
      kind: .immediate, peer: peer, reception: ReceptionID(raw: Handle(raw: 1)), piece: part,
      headerOffset: UInt8(O2IBProtocol.bodyOffset))
  }

  fileprivate mutating func receive(_ event: inout LNDEvent) {
    Self.receive(&event, &node)
  }

  private static func receive(_ event: inout LNDEvent, _ node: inout NodeCore) {
    _ = node.lnet.received(&event, turn: &node.turn)
    guard let put = node.lnet.events.popFirst() else { preconditionFailure() }
    node.lnet.release(put.delivery, turn: &node.turn)
    _ = node.lnet.lateAnswers.popFirst()
  }
}
