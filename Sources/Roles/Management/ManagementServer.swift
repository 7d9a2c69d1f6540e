package import Connections
package import NodeCore
package import PtlRPC
package import Storage
internal import LustreWire

/// A management server: registration, configuration logs, the table of NIDs, configuration locks (spec 11 §11–§14).
package struct ManagementServer: TargetServer, ~Copyable {
  package let specification: TargetSpecification
  /// Its place among the targets of the node, and the connections' number for it.
  let target: Int
  let slot: UInt32

  init(_ specification: TargetSpecification, target: Int, slot: UInt32, image: TargetImage) {
    self.specification = specification
    self.target = target
    self.slot = slot
  }

  package mutating func serve(
    _ request: ServerRequestHandle, of export: ExportHandle, _ disk: inout TargetDisk,
    _ node: inout NodeCore
  ) {
    node.rpc.refuse(request, .eopnotsupp, turn: &node.turn)
  }

  package mutating func handle(
    _ event: ConnectionsEvent, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {}

  package mutating func ended(
    _ result: StorageResult, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {}

  package mutating func durable(
    _ transno: UInt64, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {}
}
