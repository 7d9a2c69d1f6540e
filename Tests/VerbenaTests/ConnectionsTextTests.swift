// Property: imports and exports are shown with the keys that the real tools show, in their order and under their names;
// locks say whose they are.
// Method: a whole file system and a mount that has written and read; the keys of samples from Lustre 2.17, by hand.
import Connections
import EmulatedTransport
import LustreWire
import PtlRPC
import RDMATransport
import Roles
import Testing

@testable import Verbena

@Suite struct ConnectionsTextTests {
  private let fabric = "texts-\(UInt64.random(in: 0 ... .max))"
  private static let place = NID.o2ib(10 << 24 | 1)

  private static let data = "flags instance target_version"
  private static let grants =
    "grant_block_size grant_inode_size grant_max_extent_size grant_extent_tax cksum_types"
  private static let mdcData =
    "\(data) initial_grant max_brw_size ibits_known \(grants) max_easize max_mod_rpcs"
  private static let oscData = "\(data) initial_grant max_brw_size \(grants) max_object_bytes"

  private static func export(_ data: String, _ further: String = "") -> String {
    "CLIENT name client connect_flags connect_data \(data) export_flags\(further)"
  }

  private static let ostGrant = " grant granted dirty pending"

  /// A line for each heading: its parameter, then the keys below.
  private static let exports = [
    "mdt.lfs-MDT0000.exports.0@lo.export= " + export(data) + " " + export(data),
    "mdt.lfs-MDT0000.exports.10.0.0.9@o2ib.export= " + export(mdcData, " root_fid"),
    "mgs.MGS.exports.0@lo.export= " + export(data),
    "mgs.MGS.exports.10.0.0.9@o2ib.export= " + export(data),
    "obdfilter.lfs-OST0000.exports.0@lo.export= "
      + export("\(data) mdt_index target_index", ostGrant),
    "obdfilter.lfs-OST0000.exports.10.0.0.9@o2ib.export= " + export(oscData, ostGrant),
  ]

  private static func imported(_ data: String) -> String {
    "import name target state connect_flags connect_data \(data) import_flags connection "
      + "failover_nids nids_stats NID current_connection connection_attempts generation "
      + "in-progress_invalidations idle"
  }
  private static let requests =
    " rpcs inflight unregistering timeouts avg_waittime service_estimates services network "
    + "transactions last_replay peer_committed last_checked"
  private static let averages =
    " read_data_averages bytes_per_rpc usecs_per_rpc MB_per_sec"
    + " write_data_averages bytes_per_rpc usecs_per_rpc MB_per_sec"
  private static let state = " current_state state_history"

  private static let imports = [
    "mdc.lfs-MDT0000-mdc-MOUNT.import= " + imported(mdcData) + requests + state,
    "mgc.MGC10.0.0.1@o2ib.import= " + imported(data) + state,
    "osc.lfs-OST0000-osc-MOUNT.import= " + imported(oscData) + requests + averages + state,
  ]

  /// The keys of each heading in a line of their own.
  private static func keys(_ text: String) -> [String] {
    var found: [String] = []
    for line in text.split(separator: "\n") where !line.hasPrefix(" - ") {
      if line.hasSuffix("=") {
        // What a mount is called is chance.
        let words = line.split(separator: ".")
        let isMount = words[0] == "mdc" || words[0] == "osc"
        found.append(
          isMount
            ? "\(words[0]).\(words[1].split(separator: "-").dropLast().joined(separator: "-"))-MOUNT.import="
            : "\(line)")
      } else if !found.isEmpty {
        let key = line.drop { $0 == " " }.prefix { $0 != ":" }
        let isClient =
          line.hasSuffix(":") && !line.hasPrefix(" ") && key != "import"
          && key != "current_state" && key != "state_history"
        found[found.count - 1] += key.hasPrefix("\"") ? " NID" : isClient ? " CLIENT" : " \(key)"
      }
    }
    return found
  }

  private func configuration(_ nid: NID) -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 16 << 20
    configuration.enableConnections(timing: .fast)
    return configuration
  }

  private func server() async throws -> LustreNode {
    let fabric = fabric
    let server = try await LustreNode.start(
      configuration(Self.place),
      targets: [TargetKind.mgs, .mdt, .ost].map {
        HostedTarget(TargetSpecification(kind: $0, fileSystem: $0 == .mgs ? "" : "lfs"))
      },
      guest: { NoProgram() },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [Self.place.address])
      })
    var open = 0
    for await notice in server.notices() {
      if notice.state == .open { open += 1 }
      if open == 3 { break }
    }
    return server
  }

  @Test func theKeysAreThoseOfTheRealTools() async throws {
    let server = try await server()
    let nid = NID.o2ib(10 << 24 | 9)
    let fabric = fabric
    let client = try await Node.start(configuration(nid)) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
    let mount = try await client.mount("lfs", management: [[Self.place]])
    let target = try #require(try await mount.objectTargets().first)
    let object = try await target.create()
    var buffer = try await client.allocate(byteCount: 1 << 20)
    for _ in 0..<2 {
      let written = await target.write(buffer, byteCount: 1 << 20, to: object, at: 0)
      #expect(try written.result.get() == 1 << 20)
      let read = await target.read(into: written.takeBuffer(), from: object, at: 0)
      #expect(try read.result.get() == 1 << 20)
      buffer = read.takeBuffer()
    }
    // A node does not stop before it has its memory back.
    _ = consume buffer

    let imports = try await client.text(.imports)
    #expect(Self.keys(imports) == Self.imports)
    #expect(imports.contains("       bytes_per_rpc: 1048576\n"))
    // All were found by discovery, and are FULL.
    #expect(imports.components(separatedBy: "uptodate: uptodate").count == 4, "\(imports)")
    let exports = try await server.node.text(.exports)
    #expect(Self.keys(exports) == Self.exports)
    #expect(exports.contains("    root_fid: 0x200000007:0x1:0x0\n"))
    let granted = exports.components(separatedBy: "       granted: ").dropFirst()
      .compactMap { UInt64($0.prefix { $0.isNumber }) }
    #expect(granted.count == 2 && granted.contains(0) && granted.contains { $0 > 0 })
    // As the configuration logs call it.
    let own = try await server.node.text(.imports)
    #expect(own.contains("osp.lfs-OST0000-osc-MDT0000.import=\n"), "\(own)")

    let locks = try await server.node.text(.locks)
    #expect(locks.hasPrefix("granted:\n  - target: MGS\n    client: 0@lo\n"), "\(locks)")
    #expect(locks.contains("    type: PLAIN\n"))
    let held = try await client.text(.locks)
    #expect(held.hasPrefix("granted:\nheld:\n  - import: MGC10.0.0.1@o2ib\n"), "\(held)")
    await mount.unmount()
    await client.stop()
    await server.stop()
  }
}

extension ConnectionsTextTests {
  @Test func averagesAreOfWhatHasGone() {
    #expect(ConnectionsText.averages("read", .init()) == "")
    // Those of a sample: 3 requests of 2796202 bytes in 599116 us each.
    let sum = TransferStatistics(count: 3, byteCount: 8_388_606, microseconds: 1_797_348)
    #expect(
      ConnectionsText.averages("write", sum)
        == "    write_data_averages:\n       bytes_per_rpc: 2796202\n       usecs_per_rpc: 599116\n"
        + "       MB_per_sec: 4.66\n")
  }
}
