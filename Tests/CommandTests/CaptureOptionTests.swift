// Property: --pcap writes what a command's node exchanged, in frames that our decoder and tshark read.
// Method: the built command with --pcap at both ends; the files are read by `verbena decode`, and by tshark if it is
// here.
import Foundation
import Testing

@Suite(.serialized) struct CaptureOptionTests {
  private static func file(_ name: String) -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID()).pcap").path
  }

  /// The kinds of what is in a capture that has no error in it, and each one's name and summary.
  private static func records(in path: String) async throws -> [(kind: String, text: String)] {
    let result = try await Command.run(["decode", path, "--json", "-"])
    #expect(result.status == 0, "\(result.error)")
    let parsed = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
    let messages = (parsed as? [String: Any])?["messages"] as? [[String: Any]] ?? []
    return messages.map { message in
      func text(_ key: String) -> String { message[key] as? String ?? "" }
      return (text("kind"), "\(text("name")) \(text("summary"))")
    }
  }

  @Test func bothEndsOfAPing() async throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let paths = (Self.file("node"), Self.file("ping"))
    defer { for path in [paths.0, paths.1] { try? FileManager.default.removeItem(atPath: path) } }
    let node = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", "10.0.3.1", "--pcap", paths.0],
      environment: place.environment)
    let ping = try await place.run([
      "ping", "--fabric", place.fabric, "10.0.3.1@o2ib", "--pcap", paths.1,
    ])
    #expect(ping.status == 0, "\(ping.error)")
    #expect(node.terminate() == 0)
    for path in [paths.0, paths.1] {
      let texts = try await Self.records(in: path).map(\.text)
      for wanted in ["CONNREQ", "CONNACK", "IMMEDIATE GET", "IMMEDIATE REPLY"] {
        #expect(texts.contains { $0.hasPrefix(wanted) }, "\(wanted) in \(texts)")
      }
    }
    let messages = try await Self.records(in: paths.1).filter { $0.kind == "message" }
    try Self.tsharkAgrees(paths.1, count: messages.count)
  }

  private static let tshark = ["/usr/bin/tshark", "/usr/local/bin/tshark"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// As many LNet messages as we have, and none of them malformed.
  private static func tsharkAgrees(_ path: String, count: Int) throws {
    guard let tshark else { return }
    let process = Process()
    process.executableURL = URL(filePath: tshark)
    process.arguments = [
      "-r", path, "-Y", "lnet", "-T", "fields", "-e", "lnet.ib.type", "-e", "_ws.malformed",
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let lines = text.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(lines.count == count)
    #expect(lines.allSatisfy { $0.count == 1 }, "malformed: \(text)")
  }

  @Test(arguments: [
    (["bulk", "-n", "2", "--warmup", "0", "-s", "64K"], "PUT_REQ"),
    (["message", "-n", "4", "--warmup", "0", "--rounds", "1"], "IMMEDIATE PUT"),
    (["connect", "-n", "4", "--in-flight", "2", "--warmup", "2"], "CONNREQ"),
  ])
  func benchmarks(arguments: [String], wanted: String) async throws {
    let path = Self.file("bench")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let result = try await Command.run(
      ["bench"] + arguments + ["--force", "--quiet", "--pcap", path])
    #expect(result.status == 0, "\(result.error)")
    #expect(try await Self.records(in: path).contains { $0.text.hasPrefix(wanted) })
  }

  @Test func aFileThatCannotBeWrittenIsRefused() async throws {
    let result = try await Command.run([
      "ping", "--fabric", "none", "10.0.0.1@o2ib", "--pcap", "/nonexistent/x.pcap",
    ])
    #expect(result.status == 64)
    #expect(result.error.contains("/nonexistent/x.pcap"))
  }

  @Test func aRunningNodeCannotBeCapturedByAnotherCommand() async throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let node = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", "10.0.3.2"], environment: place.environment)
    let result = try await place.run(["ping", "10.0.3.9@o2ib", "--pcap", "/dev/null"])
    #expect(result.status == 64)
    #expect(result.error.contains("give --pcap to that one"), "\(result.error)")
    #expect(node.terminate() == 0)
  }
}
