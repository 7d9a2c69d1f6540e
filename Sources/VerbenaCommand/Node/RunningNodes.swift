internal import BenchKit
internal import LustreWire
internal import Verbena

/// The nodes of this user that run on this host.
enum RunningNodes {
  /// Those that answer, in order.
  static func all() -> [NodeName] {
    RuntimeDirectory.searchedPaths.flatMap { path in
      HostFiles().names(path).compactMap { NodeName(fileName: $0, directory: path) }
    }.filter(ControlClient.isServed)
  }

  /// The running node that a command goes through: the one that owns the local NID; without an address, any on
  /// the network, unless a fabric is named. Nil when the command starts a node of its own.
  static func owner(of settings: NodeSettings) throws(CommandFailure) -> NodeName? {
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

  private static func find(_ settings: NodeSettings) throws(CommandFailure) -> NodeName? {
    NodePlan.useRuntimeDirectory(of: settings)
    let fabric = settings.common.optionalText(.fabric)
    guard settings.interfaces.contains(where: { $0.bind != nil }) else {
      guard fabric == nil else { return nil }
      let net = settings.interfaces.first?.net
      return all().first { "\($0.nid.net)" == net }
    }
    let nids = try NodePlan.nids(settings, isTransient: true)
    let running = all().filter { nids.contains($0.nid) && (fabric == nil || $0.fabric == fabric) }
    // Without a fabric's name that of a device is meant, if there is one.
    return running.first { $0.fabric == fabric } ?? running.first
  }
}
