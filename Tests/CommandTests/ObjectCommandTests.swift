// Property: a file that one command stores as an object is listed by another, fetched byte for byte by a third, and is
// gone after a fourth; what is not there is refused by the name of its errno.
// Method: the built command, on an emulated fabric of the test's own; a file that ends within a page of a fourth request.
import Foundation
import Testing

@Suite struct ObjectCommandTests {
  private let directory =
    FileManager.default.temporaryDirectory.path
    + "/verbena-object-\(UInt32.random(in: 0 ... .max))"
  private static let target = ["10.0.0.1@o2ib", "lfs-OST0000"]

  private func run(_ arguments: [String]) async throws -> CommandResult {
    try await Command.run(
      arguments + ["--fabric", "object"], environment: ["XDG_RUNTIME_DIR": directory])
  }

  private func object(_ verb: String, _ arguments: String...) async throws -> CommandResult {
    try await run(["object", verb] + Self.target + arguments)
  }

  private func list() async throws -> CommandResult {
    try await run(["object", "ls", "lfs-OST0000", "--bind", "10.0.0.1"])
  }

  private func write(_ byteCount: Int, seed: UInt8, to path: String) throws -> Data {
    let data = Data((0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 12) ^ seed })
    try data.write(to: URL(fileURLWithPath: path))
    return data
  }

  @Test func aFileBecomesAnObjectAndBack() async throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let server = Task {
      try await run([
        "serve", "--bind", "10.0.0.1", "--mgs", "--ost", "0", "--fsname", "lfs", "--timing", "fast",
      ])
    }
    var reached = CommandResult(status: 69, output: "", error: "")
    for _ in 0..<20 where reached.status != 0 { reached = try await run(["connect"] + Self.target) }
    #expect(reached.status == 0)
    let (source, copy) = ("\(directory)/source", "\(directory)/copy")
    let data = try write(3 << 20 | 5, seed: 0, to: source)
    let stored = try await object("put", source)
    #expect(stored.status == 0, "\(stored.error)")
    #expect(stored.output.contains("object: 0x2:0x1\nbytes: 3145733\n"))
    #expect(!stored.output.contains("checksum: none\n"))
    let listed = try await list().output.split(separator: " ").map(String.init)
    try #require(listed.count == 3)
    #expect(listed[..<2] == ["0x2:0x1", "3145733"])
    // As it was said when it was put; the clock may have been set since.
    let format = Date.ISO8601FormatStyle()
    #expect(throws: Never.self) {
      _ = try format.parse(listed[2].trimmingCharacters(in: .newlines))
    }
    // Nobody is at the first of the nodes.
    let fetched = try await run([
      "object", "get", "10.0.0.77@o2ib:10.0.0.1@o2ib", "lfs-OST0000", "[0x2:0x1:0x0]", copy,
    ])
    #expect(fetched.status == 0, "\(fetched.error)")
    let isSame = try Data(contentsOf: URL(fileURLWithPath: copy)) == data
    #expect(isSame)

    let text = try write(5000, seed: 0x55, to: source).map { $0 % 26 + 97 }
    try Data(text).write(to: URL(fileURLWithPath: source))
    let replaced = try await object("put", source, "--id", "2:1", "--checksum-kind", "crc32c")
    #expect(replaced.status == 0, "\(replaced.error)")
    #expect(replaced.output.contains("checksum: crc32c\n"))
    #expect(try await list().output.hasPrefix("0x2:0x1  5000  20"))
    let shown = try await object("get", "0x2:0x1", "-")
    let isTextSame = shown.output == String(decoding: text, as: UTF8.self)
    #expect(isTextSame)
    #expect(shown.error.contains("bytes: 5000\n"))

    // Those behind one that is not there go all the same.
    let removed = try await object("rm", "0x2:0x77", "0x2:0x1")
    #expect(removed.status == 2)
    #expect(removed.error.contains("0x2:0x77: ENOENT"))
    #expect(removed.error.contains("1 of 2 objects not removed"))
    let measured = try await run(
      ["bench", "bulk", "--objects", "lfs-OST0000", "10.0.0.1@o2ib", "-n", "5", "--warmup", "1"]
        + ["-s", "4K,1M", "--operation", "both", "--in-flight", "2", "--json", "-", "--force"])
    #expect(measured.status == 0, "\(measured.error)")
    let report = try JSONSerialization.jsonObject(with: Data(measured.output.utf8))
    let series = ((report as? [String: Any])?["series"] as? [[String: Any]])?
      .compactMap { $0["name"] as? String }
    #expect(series == ["WRITE", "WRITE", "WRITE", "WRITE", "READ", "READ", "READ", "READ"])
    #expect(try Command.schema("bench").problems(measured.output) == [])
    // That of the measurement is gone, too.
    #expect(try await list().output == "")
    let missing = try await object("get", "0x2:0x1", copy)
    #expect(missing.status == 1)
    #expect(missing.error.contains("0x2:0x1: ENOENT"))
    #expect(FileManager.default.contents(atPath: copy)?.count == data.count)
    let wrong = try await object("get", "0x2", copy)
    #expect(wrong.status == 64)
    // Another's objects: of the node's own target, and of files.
    for other in ["0x0:0x1", "0x240000400:0x1", "[0x100000000:0x1:0x0]"] {
      for refused in [
        try await object("rm", other), try await object("get", other, copy),
        try await object("put", source, "--id", other),
      ] {
        #expect(refused.status == 64)
        #expect(refused.error.contains("'\(other)' is not in sequence 2"), "\(refused.error)")
      }
    }
    let meant = try await object("get", "0x100000000:0x1", copy, "--any-sequence")
    #expect(meant.status == 1)
    #expect(meant.error.contains("ENOENT"), "\(meant.error)")
    let noTarget = try await run(["object", "ls", "lfs-OST0007", "--bind", "10.0.0.1"])
    #expect(noTarget.status == 1)
    #expect(noTarget.error.contains("lfs-OST0007"))
    server.cancel()
    _ = try? await server.value
  }
}
