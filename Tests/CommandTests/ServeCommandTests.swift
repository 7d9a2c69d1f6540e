// Property: `serve` says which target waits for which management server, and ends when none of its targets will ever be
// open.
// Method: the built command, with a management server that is not there, and with none.
import Foundation
import Subprocess
import Testing

@Suite struct ServeCommandTests {
  private let directory =
    FileManager.default.temporaryDirectory.path
    + "/verbena-serve-\(UInt32.random(in: 0 ... .max))"

  /// Ends when a line says what is waited for, or after two minutes.
  private static let story = """
    verbena=$1; export XDG_RUNTIME_DIR=$2; cd "$2" || exit 8
    coproc server {
      exec "$verbena" serve --fabric serve --bind 10.0.0.1 --ost 5 --fsname lfs \\
        --mgsnode 10.0.0.77@o2ib,10.0.0.78@o2ib
    }
    while read -r -t 120 -u "${server[0]}" line; do
      echo "$line"
      case $line in *waits*) break;; esac
    done
    pid=$server_PID; kill $pid; wait $pid; echo "ended with $?"
    """

  @Test func aTargetThatWaitsSaysForWhom() async throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let result = try await Subprocess.run(
      .path("/usr/bin/timeout"),
      arguments: ["300", "bash", "-c", Self.story, "bash", Command.path, directory],
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    #expect(
      result.standardOutput.hasSuffix(
        "lfs-OST0005 opening: waits for the management server at 10.0.0.77@o2ib,10.0.0.78@o2ib\n"
          + "ended with 0\n"), "\(result.standardOutput) \(result.standardError)")
  }

  @Test func aServerWithoutATargetEnds() async throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let ended = try await Command.run(
      ["serve", "--fabric", "serve", "--bind", "10.0.0.2", "--ost", "0-1", "--fsname", "lfs"],
      environment: ["XDG_RUNTIME_DIR": directory])
    #expect(ended.status == 1)
    #expect(ended.output.contains("lfs-OST0001 failed: "))
    #expect(
      ended.error.contains(
        "no target could be opened: lfs-OST0000: lfs-OST0000 names no management"),
      "\(ended.error)")
  }

  @Test func aDirectoryThatCannotBeIsNamed() async throws {
    let refused = try await Command.run(
      ["serve", "--fabric", "serve", "--bind", "10.0.0.3", "--mgs", "--data", "/proc/nope"],
      environment: ["XDG_RUNTIME_DIR": directory])
    #expect(refused.status == 1)
    #expect(
      refused.error.contains("/proc/nope/MGS: the directory cannot be made: ENOENT (2)"),
      "\(refused.error)")
  }
}
