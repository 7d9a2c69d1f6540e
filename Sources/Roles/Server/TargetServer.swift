package import Connections
package import NodeCore
package import PtlRPC
package import Storage

/// What a target of any kind is told. Each call may ask the target's disk and the node's rooms for what it needs.
package protocol TargetServer: ~Copyable {
  /// A client's request: it is answered or dropped, now or later, exactly once.
  mutating func serve(
    _ request: ServerRequestHandle, of export: ExportHandle, _ disk: inout TargetDisk,
    _ node: inout NodeCore)

  /// What else the connections report that concerns this target: `transferred`, `acknowledged`,
  /// `exportConnected`, `exportGone`, `lockGranted`, `calledBack`.
  mutating func handle(
    _ event: ConnectionsEvent, _ disk: inout TargetDisk, _ node: inout NodeCore)

  /// What has come of a command.
  mutating func ended(
    _ result: StorageResult, _ disk: inout TargetDisk, _ node: inout NodeCore)

  /// Everything up to a transaction survives a crash. The node has been told already.
  mutating func durable(_ transno: UInt64, _ disk: inout TargetDisk, _ node: inout NodeCore)
}
