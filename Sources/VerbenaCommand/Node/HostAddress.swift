internal import BenchKit
internal import Glibc
internal import LustreWire
internal import RDMATransport
internal import VerbsTransport

/// Addresses by what a user may write: dotted decimal, or the name of a network interface.
enum HostAddress {
  static func resolve(_ text: String) throws(CommandFailure) -> UInt32 {
    if let address = try? IPv4Text.parse(text) {
      // 0.0.0.0/8 means no address; from 224 on they are of groups, or of everybody.
      guard (1...223).contains(address >> 24) else {
        throw CommandFailure(.usage, "'\(text)' is no address that one node can have")
      }
      return address
    }
    guard let address = ofInterface(text) else {
      throw CommandFailure(
        .usage,
        "'\(text)' is neither an IPv4 address nor a network interface here that has one (ip -4 address)"
      )
    }
    return address
  }

  /// Every IPv4 address of the host, dotted decimal.
  static var all: [String] { interfaces.map { IPv4Text.describe($0.address) } }

  /// The first IPv4 address of a network interface.
  private static func ofInterface(_ name: String) -> UInt32? {
    interfaces.first { $0.name == name }?.address
  }

  /// The host's network interfaces that have IPv4 addresses.
  private static var interfaces: [(name: String, address: UInt32)] {
    var list: UnsafeMutablePointer<ifaddrs>?
    // SAFETY: the list is made by getifaddrs and given back below; its nodes are read in between only.
    guard unsafe getifaddrs(&list) == 0 else { return [] }
    defer { unsafe freeifaddrs(list) }
    var found: [(name: String, address: UInt32)] = []
    var next = unsafe list
    while let entry = unsafe next?.pointee {
      unsafe next = entry.ifa_next
      guard let address = unsafe entry.ifa_addr, unsafe address.pointee.sa_family == AF_INET
      else { continue }
      // SAFETY: an address of family AF_INET is a sockaddr_in.
      let word = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe $0.pointee.sin_addr.s_addr
      }
      found.append((unsafe String(cString: entry.ifa_name), UInt32(bigEndian: word)))
    }
    return found
  }
}

/// The address that a command takes when none is given: that of the first RDMA port that could be used.
enum DeviceAddress {
  static func first(_ settings: Settings) throws(CommandFailure) -> UInt32 {
    let name = settings.optionalText(.device)
    let port = settings.origin(.port) == .standard ? nil : settings.integer(.port)
    let index = settings.integer(.gidIndex)
    let devices = RDMADevice.all(HostFiles())
    for device in devices where name == nil || device.name == name {
      for candidate in device.ports
      where candidate.state == "ACTIVE" && (port == nil || candidate.number == port) {
        for gid in candidate.gids where index < 0 || gid.index == index {
          if let text = gid.ipv4, let address = try? IPv4Text.parse(text) { return address }
        }
      }
    }
    let found =
      devices.isEmpty
      ? "this machine has no RDMA device"
      : "no active port of \(name ?? "its devices") has an IPv4 address"
    throw CommandFailure(
      .unavailable,
      "\(found); `verbena info` says what is missing, --fabric NAME needs no device")
  }
}
