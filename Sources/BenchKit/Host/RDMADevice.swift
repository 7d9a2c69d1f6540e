/// An RDMA device as the kernel's class files describe it (`/sys/class/infiniband`).
package struct RDMADevice: Equatable, Sendable {
  package struct GID: Equatable, Sendable {
    package var index: Int
    package var value: String
    /// `IB/RoCE v1` or `RoCE v2`.
    package var type: String
    package var networkInterface: String
  }

  package struct Port: Equatable, Sendable {
    package var number: Int
    /// `ACTIVE`, `DOWN`, ….
    package var state: String
    /// `Ethernet` or `InfiniBand`.
    package var linkLayer: String
    package var rate: String
    package var lid: Int
    package var gids: [GID]
    /// The MTU of the network interface of its first GID; 0 when unknown.
    package var interfaceMTU: Int

    /// The largest path MTU that fits: RoCE's headers take up to 58 bytes of the interface's MTU.
    package var pathMTU: Int? {
      guard linkLayer == "Ethernet", interfaceMTU > 0 else { return nil }
      return [4096, 2048, 1024, 512, 256].first { $0 + 58 <= interfaceMTU }
    }
  }

  package var name: String
  package var firmware: String
  package var nodeType: String
  package var ports: [Port]

  /// GIDs per port that are looked at: real tables have up to a few hundred, mostly empty.
  static let gidCountMax = 256

  package static func all(_ host: HostFiles) -> [RDMADevice] {
    let base = "/sys/class/infiniband"
    return host.names(base).map { name in
      let device = "\(base)/\(name)"
      return RDMADevice(
        name: name, firmware: host.text("\(device)/fw_ver") ?? "",
        nodeType: afterColon(host.text("\(device)/node_type")),
        ports: host.names("\(device)/ports").compactMap { Int($0) }.map { number in
          port(number, of: device, host)
        })
    }
  }

  private static func port(_ number: Int, of device: String, _ host: HostFiles) -> Port {
    let path = "\(device)/ports/\(number)"
    var gids: [GID] = []
    for name in host.names("\(path)/gids").prefix(gidCountMax) {
      guard let index = Int(name), let value = host.text("\(path)/gids/\(name)"),
        value != "0000:0000:0000:0000:0000:0000:0000:0000"
      else { continue }
      gids.append(
        GID(
          index: index, value: value, type: host.text("\(path)/gid_attrs/types/\(name)") ?? "",
          networkInterface: host.text("\(path)/gid_attrs/ndevs/\(name)") ?? ""))
    }
    let interface = gids.first { !$0.networkInterface.isEmpty }?.networkInterface ?? ""
    let lid = host.text("\(path)/lid").flatMap { Int($0.dropFirst(2), radix: 16) }
    return Port(
      number: number, state: afterColon(host.text("\(path)/state")),
      linkLayer: host.text("\(path)/link_layer") ?? "", rate: host.text("\(path)/rate") ?? "",
      lid: lid ?? 0, gids: gids,
      interfaceMTU: host.text("/sys/class/net/\(interface)/mtu").flatMap { Int($0) } ?? 0)
  }

  /// The name in `4: ACTIVE`.
  private static func afterColon(_ text: String?) -> String {
    guard let text else { return "" }
    guard let colon = text.firstIndex(of: ":") else { return text }
    return String(text[text.index(after: colon)...].drop { $0 == " " })
  }
}

extension RDMADevice.GID {
  /// The IPv4 address that a RoCE GID maps (`::ffff:a.b.c.d`), nil for another GID.
  package var ipv4: String? {
    let groups = value.split(separator: ":").compactMap { UInt16($0, radix: 16) }
    guard groups.count == 8, groups[..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xffff else {
      return nil
    }
    return "\(groups[6] >> 8).\(groups[6] & 255).\(groups[7] >> 8).\(groups[7] & 255)"
  }
}
