// Property: clients in one process come back to a server in another one that was killed and is started again on its
// data, each import once and each client by one connection; what cannot be connected is told with the reason.
// Method: the built command, on an emulated fabric; a script ends the server when the benchmark asks for it, or a server
// of this process has too few targets.
import EmulatedTransport
import Foundation
import LustreWire
import RDMATransport
import Subprocess
import Testing
import Verbena

@Suite struct DistantStormTests {
  /// Arguments: the command, a directory. Every wait is a read from a pipe.
  private static let script = """
    set -eu
    verbena=$1
    cd "$2"
    trap 'kill -KILL $(jobs -p) || true' EXIT
    serve() {
      rm -f opened
      mkfifo opened
      "$verbena" serve --fabric storm --bind 10.0.0.1 --mgs --mdt 0 --ost 0-2 --fsname lfs \\
        --timing fast --data data >opened &
      server=$!
      open=0
      exec 3<opened
      while [ "$open" -lt 5 ]; do
        read -r line <&3
        case $line in *' open') open=$((open + 1)) ;; esac
      done
    }
    mkdir data
    mkfifo told
    serve
    "$verbena" bench storm --fabric storm --bind 10.0.1.1 --clients 6 --targets 3 --fsname lfs \\
      --profile fast --deadline 50s --json report --quiet 10.0.0.1@o2ib >summary 2>told &
    storm=$!
    exec 4<told
    while read -r line <&4; do
      case $line in *'are FULL: end'*) break ;; esac
    done
    kill -KILL "$server"
    wait "$server" 2>/dev/null || true
    serve
    wait "$storm"
    cat report
    """

  @Test func clientsOfAnotherProcessComeBack() async throws {
    let directory =
      FileManager.default.temporaryDirectory.path
      + "/verbena-storm-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let result = try await Subprocess.run(
      .path("/usr/bin/env"),
      arguments: [
        "XDG_RUNTIME_DIR=\(directory)", "timeout", "100", "bash", "-c", Self.script, "bash",
        Command.path, directory,
      ], output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
    #expect(
      result.terminationStatus == .exited(0), "\(result.standardError)")
    let report =
      try JSONSerialization.jsonObject(with: Data(result.standardOutput.utf8)) as? [String: Any]
    let series = report?["series"] as? [[String: Any]]
    let metrics = series?.first?["metrics"] as? [String: Double]
    #expect(metrics?["imports_total"] == 18 && metrics?["imports_full"] == 18)
    #expect(metrics?["lnd_connections"] == 6)
    #expect((metrics?["attempts"] ?? 0) >= 18)
    #expect(metrics?["seconds_to_full"] ?? 0 > 0)
  }

  private func storm(_ fabric: String, _ deadline: String) async throws -> CommandResult {
    try await Command.run([
      "bench", "storm", "--fabric", fabric, "--bind", "10.0.1.1", "--clients", "2", "--targets",
      "3", "--fsname", "lfs", "--profile", "fast", "--deadline", deadline, "10.0.0.1@o2ib",
    ])
  }

  @Test func whyImportsAreNotFullIsSaid() async throws {
    let fabric = "storm-\(UInt64.random(in: 0 ... .max))"
    let nobody = try await storm(fabric, "1s")
    #expect(nobody.status == 75)
    #expect(nobody.error.contains("0 of 6 imports to 10.0.0.1@o2ib are FULL after 1.0 seconds"))
    #expect(nobody.error.contains("ping 10.0.0.1@o2ib: no way to it (EHOSTUNREACH)"))
    let nid = try #require(NID("10.0.0.1@o2ib"))
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    configuration.enableConnections(imports: 4, clients: 8, timing: .fast)
    let server = try await Node.start(
      configuration, targets: [try ServedTarget("lfs-OST0000")],
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
      })
    let few = try await storm(fabric, "10s")
    #expect(few.status == 75)
    #expect(few.error.contains("2 of 6 imports to 10.0.0.1@o2ib are FULL"), "\(few.error)")
    #expect(few.error.contains("4 ended with ENODEV, such as lfs-OST0001_UUID"), "\(few.error)")
    #expect(few.error.contains("compare --fsname and --targets"))
    await server.stop()
  }
}
