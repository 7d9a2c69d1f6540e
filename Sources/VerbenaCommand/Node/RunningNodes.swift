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
}
