internal import BasicContainers
internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Simulation

/// A server whose messages are changed when they are handed over; its targets are open at once.
class LyingServer: RoleNode {
  /// Known once it is in a world.
  var host: SimulatedHost?
  private(set) var lieCount = 0

  override func started(_ core: inout NodeCore) {
    super.started(&core)
    for place in 0..<core.connections.targetPlaceCount
    where core.connections.targetView(at: place) != nil {
      core.connections.set(.open, ofTarget: UInt32(place))
    }
  }

  /// Changes a message of PtlRPC's in place; false when it stays as it is.
  func lie(_ message: inout [UInt8], _ body: RPCBody) -> Bool { false }
  /// The same of bulk: what is read of an object, tables and long replies.
  func lieInBulk(_ bytes: inout [UInt8]) -> Bool { false }

  override func handsOver(_ core: inout NodeCore) {
    guard let host else { return }
    for index in 0..<core.turn.sends.count {
      let request = core.turn.sends[index]
      let segment = request.segments.0
      guard request.operation != .rdmaRead, request.segmentCount == 1,
        let bytes = host.memory.gather([segment])
      else { continue }
      var changed = bytes
      if request.operation == .rdmaWrite {
        guard lieInBulk(&changed) else { continue }
      } else {
        guard let body = Self.body(bytes) else { continue }
        var message = Array(bytes[Self.payload...])
        guard lie(&message, body) else { continue }
        changed.replaceSubrange(Self.payload..., with: message.prefix(bytes.count - Self.payload))
      }
      lieCount += 1
      _ = host.memory.scatter(changed, key: segment.localKey, address: segment.address, needs: [])
    }
  }

  /// Where the payload of a message lies that carries one.
  private static let payload = O2IBEnvelope.byteCount + LNetHeader.byteCount

  /// Of a PUT whose payload is a message.
  private static func body(_ bytes: [UInt8]) -> RPCBody? {
    guard bytes.count > payload + RPCHeader.byteCount,
      let carried = try? O2IBMessage(decoding: bytes.rawBytes), case .immediate = carried.body
    else { return nil }
    let payload = Array(bytes[payload...])
    guard let message = try? RPCMessage(decoding: payload.rawBytes) else { return nil }
    return try? RPCBody(message, in: payload.rawBytes)
  }
}

/// Its lies are read from bytes.
final class HostileServer: LyingServer {
  var script = ByteSource([])

  override func lie(_ message: inout [UInt8], _ body: RPCBody) -> Bool {
    bend(&message, head: true)
  }

  override func lieInBulk(_ bytes: inout [UInt8]) -> Bool { bend(&bytes, head: false) }

  private func bend(_ bytes: inout [UInt8], head: Bool) -> Bool {
    let choice = script.next()
    guard choice & 3 == 3 else { return false }
    for _ in 0...(Int(choice) >> 2 & 3) {
      if head, script.next() & 1 == 0 {
        ByteBender.bendHead(&bytes, from: 0, &script)
      } else {
        ByteBender.bend(&bytes, from: head ? 224 : 0, &script)
      }
    }
    return true
  }
}
