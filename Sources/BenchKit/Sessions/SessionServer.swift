package import Connections
package import LNet
package import LustreWire
package import NodeCore
internal import PtlRPC
internal import Verbena

/// The passive end of measurements over imports: object targets that take every client and answer its pings, beside
/// what `BenchService` answers.
package struct SessionServer: NodeProgram {
  private var service = BenchService()
  private let targetCount: Int
  private let instance: UInt32

  /// - Parameter instance: how often the targets have been started.
  package init(targetCount: Int, instance: UInt32 = 1) {
    self.targetCount = targetCount
    self.instance = instance
  }

  /// The UUID of a target of such a server.
  package static func uuid(_ index: Int) -> ObdUUID {
    let number = String(index, radix: 16, uppercase: true)
    let padding = String(repeating: "0", count: max(0, 4 - number.count))
    return ObdUUID("bench-OST\(padding)\(number)_UUID") ?? ObdUUID()
  }

  package mutating func started(_ node: inout NodeCore) {
    service.started(&node)
    for description in ServiceDescription.ost {
      do throws(LNetError) {
        try node.rpc.startService(description, lnet: &node.lnet, turn: &node.turn)
      } catch { preconditionFailure("a service of a new node cannot start: \(error)") }
    }
    for index in 0..<targetCount {
      var traits = TargetTraits(kind: .ost)
      traits.index = UInt32(index)
      traits.instance = instance
      let uuid = Self.uuid(index)
      let isAdded =
        node.connections.addTarget(TargetDescription(name: uuid, uuid: uuid, traits: traits)) != nil
      precondition(isAdded, "more targets than the node has places for")
    }
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    service.received(event, &node)
  }

  /// Pings and CONNECTs are answered below; nothing else is served.
  package mutating func received(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    guard event.kind == .requested else { return }
    node.rpc.refuse(event.serverRequest, .eopnotsupp, turn: &node.turn)
  }
}
