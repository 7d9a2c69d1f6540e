internal import BenchKit
internal import LustreWire
internal import Verbena

/// The nodes of this user that run on this host.
enum RunningNodes {
  /// Their NIDs that answer, in order.
  static func all() -> [NID] {
    HostFiles().names(RuntimeDirectory.path).compactMap { name -> NID? in
      guard name.hasSuffix(".sock") else { return nil }
      return NID(String(name.dropLast(5)))
    }.filter(ControlClient.isServed)
  }

  /// The running node that a command goes through: the one that owns the local NID; without an address, any on
  /// the network, unless a fabric is named. Nil when the command starts a node of its own.
  static func owner(of settings: NodeSettings) throws(CommandFailure) -> NID? {
    NodePlan.useRuntimeDirectory(of: settings)
    let isBound = settings.interfaces.contains { $0.bind != nil }
    if isBound {
      return try NodePlan.nids(settings, isTransient: true).first(where: ControlClient.isServed)
    }
    guard settings.common.optionalText(.fabric) == nil else { return nil }
    let net = settings.interfaces.first?.net
    return all().first { "\($0.net)" == net }
  }
}
