// Property: clients in one process come back to a server in another one that was killed and is started again on its
// data, each import once and each client by one connection.
// Method: the built command, on an emulated fabric; a script ends the server when the benchmark asks for it.
import Foundation
import Subprocess
import Testing

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
}
