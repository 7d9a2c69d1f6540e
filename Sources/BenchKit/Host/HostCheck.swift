internal import Foundation
internal import Glibc

/// One thing that Verbena needs, whether this machine has it, and the line that fixes it.
package struct HostCheck: Equatable, Sendable {
  package enum State: String, Sendable {
    case good
    /// Works, but not as well as it could.
    case advice
    case missing
  }

  package var name: String
  package var state: State
  /// What was found.
  package var found: String
  /// The line that fixes it; empty when there is nothing to fix.
  package var fix: String

  package init(_ name: String, _ state: State, _ found: String, fix: String = "") {
    self.name = name
    self.state = state
    self.found = found
    self.fix = fix
  }
}

/// Checks what the verbs backend needs of the machine.
package struct HostChecks: Sendable {
  /// What a process with a few thousand connections pins: message buffers and bulk memory.
  package static let memlockWanted: UInt64 = 1 << 30

  private let host: HostFiles
  private let devices: [RDMADevice]
  private let service: Int
  private let isVerbsBuilt: Bool
  private let isRoot: Bool

  package init(
    host: HostFiles, service: Int, isVerbsBuilt: Bool, isRoot: Bool = geteuid() == 0
  ) {
    self.host = host
    devices = RDMADevice.all(host)
    self.service = service
    self.isVerbsBuilt = isVerbsBuilt
    self.isRoot = isRoot
  }

  package var all: [HostCheck] {
    var checks = [backend, device]
    if !devices.isEmpty { checks += [deviceFiles] + ports }
    return checks + [memlock, servicePort, kernelDriver]
  }

  private var backend: HostCheck {
    isVerbsBuilt
      ? HostCheck("verbs backend", .good, "built in")
      : HostCheck(
        "verbs backend", .missing, "this build has none",
        fix: "apt-get install libibverbs-dev librdmacm-dev, then build again")
  }

  private var device: HostCheck {
    guard devices.isEmpty else {
      return HostCheck("RDMA device", .good, devices.map(\.name).joined(separator: ", "))
    }
    let interface = host.names("/sys/class/net").first { $0 != "lo" } ?? "eth0"
    return HostCheck(
      "RDMA device", .missing, "none in /sys/class/infiniband",
      fix: "modprobe rdma_rxe && rdma link add rxe0 type rxe netdev \(interface)"
        + "   (or use --fabric, which needs none)")
  }

  private var deviceFiles: HostCheck {
    let name = "device files"
    let uverbs = host.names("/dev/infiniband").filter { $0.hasPrefix("uverbs") }
    guard let first = uverbs.first else {
      return HostCheck(name, .missing, "no /dev/infiniband/uverbs*", fix: "modprobe ib_uverbs")
    }
    guard host.exists("/dev/infiniband/rdma_cm") else {
      return HostCheck(name, .missing, "no /dev/infiniband/rdma_cm", fix: "modprobe rdma_ucm")
    }
    for file in ["/dev/infiniband/\(first)", "/dev/infiniband/rdma_cm"]
    where !host.isWritable(file) {
      return HostCheck(
        name, .missing, "no permission for \(file)",
        fix: "chmod a+rw /dev/infiniband/*   (rdma-core's udev rules do so for good)")
    }
    return HostCheck(name, .good, "/dev/infiniband/\(first), /dev/infiniband/rdma_cm")
  }

  private var ports: [HostCheck] {
    devices.flatMap { device in
      device.ports.flatMap { port in checks(of: port, device) }
    }
  }

  private func checks(of port: RDMADevice.Port, _ device: RDMADevice) -> [HostCheck] {
    let name = "\(device.name) port \(port.number)"
    let interface = port.gids.first { !$0.networkInterface.isEmpty }?.networkInterface ?? "eth0"
    guard port.state == "ACTIVE" else {
      return [
        HostCheck(
          name, .missing, "state \(port.state)",
          fix: port.linkLayer == "Ethernet"
            ? "ip link set dev \(interface) up" : "start a subnet manager: systemctl start opensm")
      ]
    }
    var checks = [HostCheck(name, .good, "ACTIVE, \(port.linkLayer), \(port.rate)")]
    guard port.linkLayer == "Ethernet" else { return checks }
    let addresses = port.gids.compactMap(\.ipv4)
    checks.append(
      addresses.isEmpty
        ? HostCheck(
          "\(name) address", .missing, "no GID with an IPv4 address",
          fix: "ip address add 10.0.0.1/24 dev \(interface)")
        : HostCheck("\(name) address", .good, addresses.joined(separator: ", ")))
    if let mtu = port.pathMTU, mtu < 4096 {
      checks.append(
        HostCheck(
          "\(name) MTU", .advice, "path MTU \(mtu), from \(port.interfaceMTU) of \(interface)",
          fix: "ip link set dev \(interface) mtu 9000   (on every host, where the switch allows)"))
    }
    return checks
  }

  private var memlock: HostCheck {
    let limit = EnvironmentReport.memlockLimit(host)
    guard let limit, limit < Self.memlockWanted, !isRoot else {
      let found = limit.map { Quantity.text(bytes: Int(clamping: $0)) } ?? "unlimited"
      return HostCheck("memlock limit", .good, isRoot ? "\(found) (root is not limited)" : found)
    }
    return HostCheck(
      "memlock limit", .missing, "\(Quantity.text(bytes: Int(limit))) bytes of pinned memory",
      fix: "ulimit -l unlimited   (or LimitMEMLOCK=infinity in the unit)")
  }

  private var servicePort: HostCheck {
    let name = "port \(service)"
    let first =
      host.text("/proc/sys/net/ipv4/ip_unprivileged_port_start").flatMap { Int($0) } ?? 1024
    let capabilities =
      host.value(of: "CapEff", in: "/proc/self/status").flatMap { UInt64($0, radix: 16) } ?? 0
    // CAP_NET_BIND_SERVICE is capability 10.
    guard service < first, capabilities & 1 << 10 == 0 else {
      return HostCheck(name, .good, "may be bound")
    }
    return HostCheck(
      name, .missing, "ports below \(first) need a privilege",
      fix: "setcap cap_net_bind_service+ep $(command -v verbena)   (or --service above 1023)")
  }

  private var kernelDriver: HostCheck {
    guard host.exists("/sys/module/ko2iblnd") else {
      return HostCheck("kernel o2iblnd", .good, "not loaded")
    }
    return HostCheck(
      "kernel o2iblnd", .advice, "loaded: it may hold port \(service) on its addresses",
      fix:
        "bind an address of your own: ip address add ADDRESS dev INTERFACE; verbena node --bind ADDRESS"
    )
  }
}
