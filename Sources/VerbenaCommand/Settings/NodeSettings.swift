internal import BenchKit
internal import LustreWire

/// A node as flags, variables and the configuration file describe it: its interfaces and their tunables.
package struct NodeSettings: Sendable, Equatable {
  package struct Interface: Sendable, Equatable {
    package var net: String
    /// An IPv4 address, or a network interface that has one; nil where the emulated fabric gives one.
    package var bind: String?
    package var origin: Settings.Origin
    package var tunables: Settings
  }

  package var common: Settings
  package var interfaces: [Interface]

  /// Interfaces that flags name stand instead of those of the file.
  package init(
    flags: [String: String], environment: [String: String], file: ConfigFile?
  ) throws(CommandFailure) {
    let path = file?.path ?? ""
    common = try Settings(
      Setting.node, flags: flags, environment: environment, file: file?.values ?? [:], path: path)
    let net = common.text(.net)
    guard net.hasPrefix("o2ib"), (try? NetID(text: net)) != nil else {
      throw CommandFailure(
        .usage, "--net '\(net)' is no network that is supported; the networks are o2ib, o2ib1, …")
    }
    try Self.checkDevice(common)
    interfaces = []
    func add(
      _ net: String, _ bind: String?, _ origin: Settings.Origin, _ interface: ConfigFile.Interface?
    )
      throws(CommandFailure)
    {
      let tunables = try Settings(
        Setting.tunables, flags: flags, environment: environment, file: interface?.values ?? [:],
        path: path)
      try Self.check(tunables)
      interfaces.append(Interface(net: net, bind: bind, origin: origin, tunables: tunables))
    }
    if let binds = common.optionalText(.bind) {
      for bind in binds.split(separator: ",") {
        try add(net, String(bind), common.origin(.bind), nil)
      }
    } else if let file, !file.interfaces.isEmpty {
      for interface in file.interfaces {
        let origin = Settings.Origin.file(path: path, line: interface.bind.line)
        try add(interface.net, interface.bind.text, origin, interface)
      }
    } else {
      try add(net, nil, .standard, nil)
    }
  }

  /// A fabric has no device: whoever names one wants another node. A fabric that is given for a configuration with a
  /// device stands in for it.
  private static func checkDevice(_ common: Settings) throws(CommandFailure) {
    guard let fabric = common.optionalText(.fabric) else { return }
    for setting in [Setting.device, .port, .gidIndex] {
      let origin = common.origin(setting)
      // A file that was exported names every default.
      let isMeant = common.text(setting) != setting.standard && common.origin(.fabric) != .flag
      guard origin == .flag || isMeant else { continue }
      throw CommandFailure(
        .usage,
        "--\(setting.name) \(common.text(setting)) (\(origin)) is for an RDMA device, and the fabric \(fabric) "
          + "(\(common.origin(.fabric))) has none: give one of the two")
    }
  }

  /// Ranges that depend on another tunable, and what librdmacm has no call for.
  private static func check(_ tunables: Settings) throws(CommandFailure) {
    let depth = tunables.integer(.peerCredits)
    let highWater = tunables.integer(.peerCreditsHighWater)
    guard highWater <= depth else {
      throw CommandFailure(
        .usage,
        "peer-credits-hiw \(highWater) must be at most peer-credits, which is \(depth); leave it at 0 for half"
      )
    }
    let mtu = tunables.integer(.mtu)
    guard mtu == 0 else {
      throw CommandFailure(
        .usage,
        "ib-mtu \(mtu) (\(tunables.origin(.mtu))) cannot be set here: the path MTU follows the network "
          + "interface's MTU; set that one (ip link set dev NAME mtu BYTES) and leave ib-mtu at 0")
    }
  }
}

extension NodeSettings {
  /// The same node as a configuration file; reading it gives these values again.
  package var yaml: String {
    var text = "net:\n"
    var nets: [String] = []
    for interface in interfaces where !nets.contains(interface.net) { nets.append(interface.net) }
    for net in nets {
      text += "  - net type: \(net)\n    local NI(s):\n"
      for interface in interfaces where interface.net == net {
        let bind = interface.bind ?? ""
        if (try? IPv4Text.parse(bind)) != nil {
          text += "      - nid: \(bind)@\(net)\n"
        } else {
          text += "      - interfaces:\n          0: \(bind)\n"
        }
        text += lines(interface.tunables, "        ", "tunables") { section in
          if case .tunables(let key) = section { key } else { nil }
        }
        text += lines(interface.tunables, "        ", "lnd tunables") { section in
          if case .lndTunables(let key) = section { key } else { nil }
        }
      }
    }
    return text
      + lines(common, "", "verbena") { section in
        if case .verbena(let key) = section { key } else { nil }
      }
  }

  private func lines(
    _ settings: Settings, _ indent: String, _ title: String, key: (Setting.Section) -> String?
  ) -> String {
    let members = settings.entries.compactMap { entry in
      key(entry.setting.section).flatMap {
        entry.text.isEmpty ? nil : "\(indent)  \($0): \(entry.text)\n"
      }
    }
    return members.isEmpty ? "" : "\(indent)\(title):\n" + members.joined()
  }
}
