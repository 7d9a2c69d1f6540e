// Property: a file system served by one command is mounted by another, shown by a third and asked by a fourth; a target
// that is not there is refused by name.
// Method: the built command, on an emulated fabric of the test's own; signals end what runs on.
import Foundation
import Subprocess
import Testing

@Suite struct ClusterTests {
  private let directory =
    FileManager.default.temporaryDirectory.path
    + "/verbena-cluster-\(UInt32.random(in: 0 ... .max))"

  private func run(_ arguments: [String]) async throws -> CommandResult {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return try await Command.run(
      arguments + ["--fabric", "cluster"], environment: ["XDG_RUNTIME_DIR": directory])
  }

  /// What an example of the library prints; it must end with 0.
  private func example(_ name: String, _ arguments: [String]) async throws -> String {
    let result = try await Subprocess.run(
      .path(.init(Command.path(of: name))), arguments: Arguments(arguments),
      environment: .inherit.updating(["XDG_RUNTIME_DIR": directory]),
      output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
    #expect(result.terminationStatus == .exited(0), "\(result.standardError)")
    return result.standardOutput
  }

  /// What the server has: the command waits until the file system is mounted, so nobody has to sleep.
  @Test func aServedFileSystemIsMounted() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let server = Task {
      try await run([
        "serve", "--bind", "10.0.0.1", "--mgs", "--mdt", "0", "--ost", "0-1", "--fsname", "lfs",
        "--timing", "fast",
      ])
    }
    var reached = CommandResult(status: 69, output: "", error: "")
    for _ in 0..<20 where reached.status != 0 {
      reached = try await run(["connect", "10.0.0.77@o2ib:10.0.0.1@o2ib", "lfs-OST0001"])
    }
    #expect(reached.status == 0)
    #expect(reached.output.contains("state: FULL"))
    let refused = try await run(["connect", "10.0.0.1@o2ib", "lfs-OST0009"])
    #expect(refused.status == 1)
    #expect(refused.error.contains("ENODEV"))
    let shown = try await run(["target", "show", "--bind", "10.0.0.1"])
    #expect(shown.output.contains("name: lfs-MDT0000"))
    #expect(shown.output.contains("condition: open"))
    // The library's examples ask the same server, and store a file there.
    let asked = try await example(
      "ask-target", ["cluster", "10.0.0.77", "10.0.0.1@o2ib", "lfs-OST0000_UUID"])
    #expect(asked.contains("status 0, 144 bytes"))
    let (source, copy) = ("\(directory)/source", "\(directory)/copy")
    let data = Data((0..<2_500_001).map { UInt8(truncatingIfNeeded: $0 &* 13 ^ $0 >> 9) })
    try data.write(to: URL(fileURLWithPath: source))
    let copied = try await example(
      "mount-and-copy", ["cluster", "10.0.0.78", "10.0.0.1@o2ib", "lfs", source, copy])
    #expect(copied.contains("lfs-MDT0000_UUID FULL 10.0.0.1@o2ib"))
    #expect(copied.contains("2500001 bytes by lfs-OST0000_UUID: same"))
    let answers = "size 300000\nthe same came back\nerrno 2\n"
    let own = try await example("own-target", ["cluster", "10.0.0.80", "-"])
    #expect(own == "own-OST0000 at 10.0.0.80@o2ib\n" + answers)
    let found = try await example(
      "own-target", ["cluster", "10.0.0.82", "10.0.0.1@o2ib", "-"])
    #expect(found == "lfs-OST0007 at 10.0.0.82@o2ib\n" + answers)
    let isSame = try Data(contentsOf: URL(fileURLWithPath: copy)) == data
    #expect(isSame)
    let wrong = try await run(["mount", "10.0.0.1@o2ib", "--deadline", "5s"])
    #expect(wrong.status == 64)
    server.cancel()
    _ = try? await server.value
  }
}
