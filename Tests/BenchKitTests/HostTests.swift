// Property: the report names what the machine's files say, and warns where numbers mislead.
// Method: a made-up machine in a temporary folder.
import BenchKit
import Foundation
import Testing

@Suite struct HostTests {
  static let roce: [String: String] = [
    "/proc/sys/kernel/osrelease": "6.1.0-test\n",
    "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Test CPU\nflags\t\t: fpu hypervisor sse\n",
    "/proc/self/limits":
      "Limit  Soft Hard Units\nMax locked memory         8388608   8388608  bytes\n",
    "/proc/meminfo": "MemTotal: 1 kB\nHugePages_Total:       4\nHugepagesize:       2048 kB\n",
    "/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "/sys/devices/system/node/node0/cpulist": "0-1",
    "/sys/devices/system/cpu/smt/active": "0",
    "/sys/class/dmi/id/sys_vendor": "Test",
    "/sys/class/infiniband/rxe0/fw_ver": "1.0",
    "/sys/class/infiniband/rxe0/node_type": "1: CA",
    "/sys/class/infiniband/rxe0/ports/1/state": "4: ACTIVE",
    "/sys/class/infiniband/rxe0/ports/1/link_layer": "Ethernet",
    "/sys/class/infiniband/rxe0/ports/1/rate": "2.5 Gb/sec (1X SDR)",
    "/sys/class/infiniband/rxe0/ports/1/lid": "0x0",
    "/sys/class/infiniband/rxe0/ports/1/gids/0": "fe80:0000:0000:0000:0000:00ff:fe00:0001",
    "/sys/class/infiniband/rxe0/ports/1/gids/1": "0000:0000:0000:0000:0000:ffff:0a00:0001",
    "/sys/class/infiniband/rxe0/ports/1/gids/2": "0000:0000:0000:0000:0000:0000:0000:0000",
    "/sys/class/infiniband/rxe0/ports/1/gid_attrs/types/1": "RoCE v2",
    "/sys/class/infiniband/rxe0/ports/1/gid_attrs/ndevs/1": "eth0",
    "/sys/class/net/eth0/mtu": "1500",
  ]

  static func machine(_ files: [String: String]) throws -> HostFiles {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    for (path, text) in files {
      let file = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    return HostFiles(root: root.path)
  }

  @Test func aRoCEDeviceIsRead() throws {
    let host = try Self.machine(Self.roce)
    defer { try? FileManager.default.removeItem(atPath: host.root) }
    let device = try #require(RDMADevice.all(host).first)
    #expect(device.name == "rxe0")
    #expect(device.nodeType == "CA")
    let port = try #require(device.ports.first)
    #expect(port.state == "ACTIVE")
    #expect(port.gids.map(\.index) == [0, 1])
    #expect(port.gids.map(\.ipv4) == [nil, "10.0.0.1"])
    #expect(port.gids.last?.type == "RoCE v2")
    #expect(port.pathMTU == 1024)
  }

  @Test func theEnvironmentIsRead() throws {
    let host = try Self.machine(Self.roce)
    defer { try? FileManager.default.removeItem(atPath: host.root) }
    let report = EnvironmentReport(host: host, backend: "emulated", commandLine: ["verbena", "x"])
    #expect(report.kernel == "6.1.0-test")
    #expect(report.cpuModel == "Test CPU")
    #expect(report.simultaneousMultithreading == "off")
    #expect(report.hypervisor == "Test")
    #expect(report.memlockLimit == 8_388_608)
    #expect(report.hugePages == "4 of 2048 kB reserved, transparent: madvise")
    #expect(report.numaNodeCount == 1)
    #expect(report.warnings.contains { $0.contains("virtual machine (Test)") })
    let memlock = report.block.first { $0.name == "memlock" }
    #expect(memlock?.value == "8M bytes")
  }

  @Test func anEmptyMachineIsUnknownButNoError() throws {
    let host = try Self.machine([
      "/proc/self/limits": "Max locked memory  unlimited unlimited bytes"
    ])
    defer { try? FileManager.default.removeItem(atPath: host.root) }
    let report = EnvironmentReport(host: host)
    #expect(report.kernel == "unknown")
    #expect(report.devices.isEmpty)
    #expect(report.memlockLimit == nil)
    #expect(!report.warnings.contains { $0.contains("virtual machine") })
  }
}
