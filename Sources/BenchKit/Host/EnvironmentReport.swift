internal import Foundation

/// What a number was measured on: without it, a number says nothing.
package struct EnvironmentReport: Sendable {
  package var kernel: String
  package var cpuModel: String
  package var coreCount: Int
  package var numaNodeCount: Int
  package var governor: String
  /// `on`, `off` or `unknown`.
  package var simultaneousMultithreading: String
  /// Empty on bare metal.
  package var hypervisor: String
  /// Bytes, nil for no limit.
  package var memlockLimit: UInt64?
  package var hugePages: String
  package var devices: [RDMADevice]
  package var swiftVersion: String
  /// `debug` or `release`.
  package var buildMode: String
  package var commit: String
  package var backend: String
  package var commandLine: [String]

  /// - Parameters:
  ///   - backend: what the nodes of this run are connected by.
  ///   - commandLine: the command as it was typed.
  package init(
    host: HostFiles = HostFiles(), backend: String = "none",
    commandLine: [String] = CommandLine.arguments
  ) {
    kernel = host.text("/proc/sys/kernel/osrelease") ?? "unknown"
    cpuModel = host.value(of: "model name", in: "/proc/cpuinfo") ?? "unknown"
    coreCount = ProcessInfo.processInfo.activeProcessorCount
    let nodes = host.names("/sys/devices/system/node").filter {
      $0.hasPrefix("node") && Int($0.dropFirst(4)) != nil
    }
    numaNodeCount = max(nodes.count, 1)
    governor =
      host.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") ?? "none (fixed clock)"
    switch host.text("/sys/devices/system/cpu/smt/active") {
    case "1": simultaneousMultithreading = "on"
    case "0": simultaneousMultithreading = "off"
    default: simultaneousMultithreading = "unknown"
    }
    hypervisor = Self.hypervisor(host)
    memlockLimit = Self.memlockLimit(host)
    hugePages = Self.hugePages(host)
    devices = RDMADevice.all(host)
    swiftVersion = Self.compiler
    buildMode = Self.isDebugBuild ? "debug" : "release"
    commit = SourceCommit.text(host: host)
    self.backend = backend
    self.commandLine = commandLine
  }

  package static let isDebugBuild = _isDebugAssertConfiguration()

  /// The compiler that built this, as far as a program can know it.
  static var compiler: String {
    #if compiler(>=6.5)
    "6.5 or later"
    #elseif compiler(>=6.4)
    "6.4"
    #elseif compiler(>=6.3)
    "6.3"
    #else
    "6.2"
    #endif
  }

  private static func hypervisor(_ host: HostFiles) -> String {
    let flags = host.value(of: "flags", in: "/proc/cpuinfo") ?? ""
    guard flags.split(separator: " ").contains("hypervisor") else { return "" }
    let vendor = host.text("/sys/class/dmi/id/sys_vendor") ?? ""
    let product = host.text("/sys/class/dmi/id/product_name") ?? ""
    let name = [vendor, product].filter { !$0.isEmpty }.joined(separator: " ")
    return name.isEmpty ? "yes" : name
  }

  /// The soft limit of locked memory of this process.
  package static func memlockLimit(_ host: HostFiles) -> UInt64? {
    for line in (host.text("/proc/self/limits") ?? "").split(separator: "\n")
    where line.hasPrefix("Max locked memory") {
      let fields = line.dropFirst("Max locked memory".count).split(separator: " ")
      return fields.first.flatMap { UInt64($0) }
    }
    return nil
  }

  private static func hugePages(_ host: HostFiles) -> String {
    let total = host.value(of: "HugePages_Total", in: "/proc/meminfo") ?? "0"
    let size = host.value(of: "Hugepagesize", in: "/proc/meminfo") ?? "?"
    let transparent = host.text("/sys/kernel/mm/transparent_hugepage/enabled") ?? ""
    let mode =
      transparent.split(separator: "[").dropFirst().first?.prefix { $0 != "]" } ?? "unknown"
    return "\(total) of \(size) reserved, transparent: \(mode)"
  }
}

extension EnvironmentReport {
  /// Why the numbers of this run say less than they seem to.
  package var warnings: [String] {
    var warnings: [String] = []
    if buildMode == "debug" {
      warnings.append("this is a debug build: times mean nothing; build with -c release")
    }
    if !hypervisor.isEmpty {
      warnings.append("this is a virtual machine (\(hypervisor)): times vary with its neighbours")
    }
    if governor != "performance", !governor.hasPrefix("none"), hypervisor.isEmpty {
      warnings.append("the CPU governor is \(governor): the clock changes during the run")
    }
    return warnings
  }

  private var memlockText: String {
    memlockLimit.map { "\(Quantity.text(bytes: Int(clamping: $0))) bytes" } ?? "unlimited"
  }

  private var deviceText: String {
    let names = devices.map { device in
      let port = device.ports.first
      let details = [port?.linkLayer, port?.state, device.firmware].compactMap { $0 }
        .filter { !$0.isEmpty }
      return details.isEmpty ? device.name : "\(device.name) (\(details.joined(separator: ", ")))"
    }
    return names.isEmpty ? "none" : names.joined(separator: ", ")
  }

  /// The report as names and values, for people.
  package var block: [(name: String, value: String)] {
    [
      ("kernel", kernel), ("CPU", "\(cpuModel), \(coreCount) cores, \(numaNodeCount) NUMA node(s)"),
      ("governor", governor), ("SMT", simultaneousMultithreading),
      ("hypervisor", hypervisor.isEmpty ? "none" : hypervisor), ("memlock", memlockText),
      ("huge pages", hugePages), ("RDMA devices", deviceText),
      ("Swift", "\(swiftVersion), \(buildMode)"), ("commit", commit), ("backend", backend),
      ("command", commandLine.joined(separator: " ")),
    ]
  }

  package var json: JSONValue {
    .object([
      "kernel": .string(kernel), "cpu": .string(cpuModel), "cores": .integer(coreCount),
      "numaNodes": .integer(numaNodeCount), "governor": .string(governor),
      "smt": .string(simultaneousMultithreading), "hypervisor": .string(hypervisor),
      "memlockBytes": memlockLimit.map { .unsigned($0) } ?? .null,
      "hugePages": .string(hugePages),
      "rdmaDevices": .array(devices.map(\.json)), "swift": .string(swiftVersion),
      "build": .string(buildMode), "commit": .string(commit), "backend": .string(backend),
      "commandLine": .strings(commandLine), "warnings": .strings(warnings),
    ])
  }
}

extension RDMADevice {
  package var json: JSONValue {
    .object([
      "name": .string(name), "nodeType": .string(nodeType), "firmware": .string(firmware),
      "ports": .array(
        ports.map { port in
          .object([
            "number": .integer(port.number), "state": .string(port.state),
            "linkLayer": .string(port.linkLayer), "rate": .string(port.rate),
            "lid": .integer(port.lid), "interfaceMTU": .integer(port.interfaceMTU),
            "pathMTU": port.pathMTU.map { .integer($0) } ?? .null,
            "gids": .array(
              port.gids.map { gid in
                .object([
                  "index": .integer(gid.index), "value": .string(gid.value),
                  "type": .string(gid.type), "interface": .string(gid.networkInterface),
                  "ipv4": .optional(gid.ipv4),
                ])
              }),
          ])
        }),
    ])
  }
}
