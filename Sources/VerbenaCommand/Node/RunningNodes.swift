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
    let owner = try find(settings)
    if let owner, let path = settings.common.optionalText(.pcap) {
      throw CommandFailure(
        .usage,
        "--pcap \(path) captures a node of the command's own, but the local NID \(owner) belongs to a node that "
          + "runs here: give --pcap to that one (verbena node --pcap FILE), or another address with --bind"
      )
    }
    return owner
  }

  private static func find(_ settings: NodeSettings) throws(CommandFailure) -> NID? {
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
