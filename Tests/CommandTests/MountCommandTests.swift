// Property: `mount` tells when its targets are connected, when they are lost and when they are back, and leaves in order
// at SIGTERM, as its server does; what cannot be mounted is refused by name, with what to do.
// Method: the built command, driven by a script that waits for its lines; a server that is killed and started again.
import Foundation
import Subprocess
import Testing

@Suite struct MountCommandTests {
  private let directory =
    FileManager.default.temporaryDirectory.path
    + "/verbena-mount-\(UInt32.random(in: 0 ... .max))"

  /// Every wait is for a line; a line that does not come within two minutes ends it with 9.
  private static let story = """
    set -u
    verbena=$1; export XDG_RUNTIME_DIR=$2; cd "$2" || exit 8
    mkfifo serve mount; exec 3<>serve 4<>mount
    trap 'kill -9 $server $client 2>/dev/null' EXIT
    server=; client=
    serve() {
      "$verbena" serve --fabric mount --bind 10.0.0.1 --mgs --mdt 0 --ost 0-1 --fsname lfs \\
        --timing fast --data data >serve 2>>errors & server=$!
      for target in 1 2 3 4; do await 3 " open"; done
    }
    await() {
      while read -r -t 120 -u "$1" line; do
        echo "$line"
        case $line in *"$2"*) return;; esac
      done
      echo "no line with $2"; cat errors; exit 9
    }
    serve
    "$verbena" mount --fabric mount --bind 10.0.0.9 --timing fast 10.0.0.1@o2ib:/lfs \\
      >mount 2>>errors & client=$!
    await 4 "3 imports FULL"
    kill -9 $server; wait $server
    await 4 " of 3 imports ready"
    serve
    await 4 "3 of 3 imports ready"
    kill -TERM $client; wait $client; echo "mount ended with $?"
    kill -TERM $server; wait $server; echo "serve ended with $?"
    """

  @Test func aMountOutlivesItsServer() async throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let result = try await Subprocess.run(
      .path("/usr/bin/timeout"),
      arguments: ["500", "bash", "-c", Self.story, "bash", Command.path, directory],
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    let text = result.standardOutput
    #expect(result.terminationStatus == .exited(0), "\(text) \(result.standardError)")
    #expect(text.contains("lfs mounted once by 10.0.0.9@o2ib: 3 imports FULL"))
    #expect(text.contains("lfs-OST0001_UUID FULL at 10.0.0.1@o2ib"))
    #expect(text.contains("mount ended with 0\nserve ended with 0"))
  }

  private static let storyWithout = """
    set -u
    verbena=$1; export XDG_RUNTIME_DIR=$2; cd "$2" || exit 8
    mkfifo s1 s2 s3 mount; exec 3<>s1 4<>s2 5<>s3 6<>mount
    trap 'kill -9 $first $second $third $client 2>/dev/null' EXIT
    first=; second=; third=; client=
    serve() {
      local pipe=$1 address=$2; shift 2
      "$verbena" serve --fabric without --bind $address --fsname lfs --timing fast --data data "$@" \\
        >$pipe 2>>errors &
    }
    await() {
      while read -r -t 120 -u "$1" line; do
        echo "$line"
        case $line in *"$2"*) return;; esac
      done
      echo "no line with $2"; cat errors; exit 9
    }
    third() { serve s3 10.0.0.3 --ost 1 --mgsnode 10.0.0.1@o2ib; third=$!; await 5 " open"; }
    serve s1 10.0.0.1 --mgs --mdt 0; first=$!; await 3 " open"; await 3 " open"
    serve s2 10.0.0.2 --ost 0 --mgsnode 10.0.0.1@o2ib; second=$!; await 4 " open"
    third; kill -9 $third; wait $third
    "$verbena" mount --fabric without --bind 10.0.0.9 --timing fast --deadline 20s \\
      10.0.0.1@o2ib:/lfs >mount 2>>errors & client=$!
    await 6 "2 of 3 imports FULL"
    third
    await 6 "3 of 3 imports ready"
    kill -TERM $client; wait $client; echo "mount ended with $?"
    """

  /// A real client's mount waits for no object target.
  @Test func aMountStaysWithoutAnObjectTarget() async throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let result = try await Subprocess.run(
      .path("/usr/bin/timeout"),
      arguments: ["500", "bash", "-c", Self.storyWithout, "bash", Command.path, directory],
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    let text = result.standardOutput
    #expect(result.terminationStatus == .exited(0), "\(text) \(result.standardError)")
    #expect(text.contains("osc.lfs-OST0000-osc-"))
    #expect(text.contains("go on being tried: lfs-OST0001 (at 10.0.0.3@o2ib): "), "\(text)")
    #expect(text.contains("mount ended with 0\n"))
  }

  private func mount(_ source: String, _ deadline: String) async throws -> CommandResult {
    try await Command.run(
      ["mount", "--fabric", "mount", "--bind", "10.0.0.9", "--deadline", deadline, source],
      environment: ["XDG_RUNTIME_DIR": directory])
  }

  @Test(arguments: ["-", "-5", "5-", "3-1", "0-64", "65536"])
  func whatIsNoIndexIsNotServed(indices: String) async throws {
    let refused = try await Command.run(
      ["serve", "--fabric", "mount", "--bind", "10.0.0.1", "--mgs", "--ost=\(indices)"])
    #expect(refused.status == 64)
    #expect(refused.error.contains("'\(indices)' is no index and no range"), "\(refused.error)")
  }

  /// Nobody waits for a network that the node is not on; the deadline would outlast the test.
  @Test(arguments: ["10.0.0.1", "10.0.0.1@o2ib7"])
  func aNetworkThatTheNodeIsNotOnIsSaidAtOnce(nid: String) async throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    for command in [
      ["mount", "--deadline", "1h", "\(nid):/lfs"], ["connect", "--deadline", "1h", nid, "MGS"],
      ["object", "rm", "--deadline", "1h", nid, "lfs-OST0000", "0x2:0x1"],
    ] {
      let refused = try await Command.run(
        command + ["--fabric", "mount", "--bind", "10.0.0.8"],
        environment: ["XDG_RUNTIME_DIR": directory])
      #expect(refused.status == 69, "\(refused.error)")
      #expect(refused.error.contains("no NID on that network (EHOSTUNREACH)"), "\(refused.error)")
    }
  }

  @Test func whatCannotBeMountedIsRefusedByName() async throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let nobody = try await mount("10.0.0.66@o2ib:/lfs", "2s")
    #expect(nobody.status == 75)
    #expect(nobody.error.contains("10.0.0.66@o2ib"))
    #expect(nobody.error.contains("ETIMEDOUT"))
    #expect(nobody.error.contains("verbena ping 10.0.0.66@o2ib says"), "\(nobody.error)")
    let server = Task {
      try await Command.run(
        [
          "serve", "--fabric", "mount", "--bind", "10.0.0.1", "--mgs", "--mdt", "0", "--fsname",
          "lfs",
        ], environment: ["XDG_RUNTIME_DIR": directory])
    }
    var reached = CommandResult(status: 69, output: "", error: "")
    for _ in 0..<20 where reached.status != 0 {
      reached = try await Command.run(
        ["connect", "--fabric", "mount", "10.0.0.1@o2ib", "lfs-MDT0000"],
        environment: ["XDG_RUNTIME_DIR": directory])
    }
    let unknown = try await mount("10.0.0.1@o2ib:/nofs", "20s")
    #expect(unknown.status == 1)
    #expect(unknown.error.contains("nofs"))
    #expect(unknown.error.contains("ENOENT"))
    #expect(unknown.error.contains("--fsname"))
    server.cancel()
    _ = try? await server.value
  }
}
