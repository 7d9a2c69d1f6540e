internal import RDMATransport

/// Turns what the user named (address, device, port, GID index) into the one local address.
enum DeviceChoice {
  private static let enodev: Int32 = 19
  private static let eaddrnotavail: Int32 = 99

  /// The IPv4 addresses in the GID tables, each with its device.
  static func addresses(of devices: [VerbsDevice]) -> [(UInt32, String)] {
    var seen: [UInt32] = []
    var result: [(UInt32, String)] = []
    for device in devices {
      for port in device.ports {
        for gid in port.gids {
          guard let ipv4 = gid.ipv4, !seen.contains(ipv4) else { continue }
          seen.append(ipv4)
          result.append((ipv4, device.name))
        }
      }
    }
    return result
  }

  /// The address to bind, checked against device, port and GID index where they are named.
  static func address(
    for configuration: VerbsTransport.Configuration, devices: [VerbsDevice]
  ) throws(TransportError) -> UInt32 {
    let named = configuration.deviceName
    if named == nil && configuration.port == nil && configuration.gidIndex == nil,
      let address = configuration.address
    {
      return address
    }
    let candidates = devices.filter { named == nil || $0.name == named }
    guard !candidates.isEmpty else {
      let there = devices.map(\.name).joined(separator: ", ")
      throw TransportError(
        call: "ibv_get_device_list", errno: enodev,
        explanation: devices.isEmpty
          ? Explanation.noDevice
          : "no RDMA device is named \(named ?? "?"); there are: \(there)")
    }
    for device in candidates {
      for port in device.ports
      where configuration.port == nil || configuration.port.map(Int.init) == port.number {
        for gid in port.gids
        where configuration.gidIndex == nil || configuration.gidIndex == gid.index {
          guard let ipv4 = gid.ipv4 else { continue }
          if configuration.address == nil || configuration.address == ipv4 { return ipv4 }
        }
      }
    }
    // An InfiniBand port has no IPv4 GIDs: its addresses are those of IPoIB.
    if let address = configuration.address, configuration.gidIndex == nil,
      candidates.contains(where: { $0.ports.contains { $0.linkLayer == "InfiniBand" } })
    {
      return address
    }
    throw noMatch(configuration, candidates)
  }

  private static func noMatch(
    _ configuration: VerbsTransport.Configuration, _ candidates: [VerbsDevice]
  ) -> TransportError {
    var wanted: [String] = []
    if let address = configuration.address { wanted.append(Explanation.text(address)) }
    if let name = configuration.deviceName { wanted.append("device \(name)") }
    if let port = configuration.port { wanted.append("port \(port)") }
    if let index = configuration.gidIndex { wanted.append("GID index \(index)") }
    let offered = candidates.flatMap { device in
      device.ports.flatMap { port in
        port.gids.compactMap { gid in
          gid.ipv4.map {
            "\(device.name) port \(port.number) GID \(gid.index) (\(gid.type.rawValue)): "
              + Explanation.text($0)
          }
        }
      }
    }
    return TransportError(
      call: "ibv_query_gid", errno: eaddrnotavail,
      explanation: "no IPv4 GID fits \(wanted.joined(separator: ", ")); there are: "
        + (offered.isEmpty ? "none; give the network interface an address" : "")
        + offered.joined(separator: "; "))
  }
}
