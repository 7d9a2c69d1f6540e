// Property: `decode` shows the messages of real nodes' captures, one line each or with every field.
// Method: golden texts of committed captures (their frames and credits are those that tshark shows), JSON against
// its schema, and files that are no captures.
import Foundation
import Testing

@Suite struct DecodeTests {
  static func capture(_ name: String) -> String {
    Command.root.appendingPathComponent("Tests/Golden/captures/\(name).pcap").path
  }

  static func expected(_ name: String) throws -> String {
    let file = Command.root.appendingPathComponent("Tests/Golden/decode/\(name).txt")
    return try String(contentsOf: file, encoding: .utf8)
  }

  @Test(arguments: ["01-lctl-ping-o2ib", "17-stale-depth-o2ib"])
  func aLineForEachMessage(name: String) async throws {
    let result = try await Command.run(["decode", Self.capture(name)])
    #expect(result.status == 0)
    #expect(result.error.isEmpty)
    #expect(try result.output == Self.expected(name))
  }

  @Test func everyField() async throws {
    let result = try await Command.run(["decode", "--verbose", Self.capture("01-lctl-ping-o2ib")])
    #expect(result.status == 0)
    #expect(try result.output == Self.expected("01-lctl-ping-o2ib.verbose"))
  }

  @Test(arguments: ["01-lctl-ping-o2ib", "17-stale-depth-o2ib"])
  func json(name: String) async throws {
    let result = try await Command.run(["decode", Self.capture(name), "--json", "-"])
    #expect(result.status == 0)
    #expect(try Command.schema("decode").problems(result.output) == [])
    let lines = try Self.expected(name).split(separator: "\n").count
    #expect(result.output.components(separatedBy: "\"frame\": ").count - 1 == lines)
  }

  @Test func whatIsNoCaptureIsSaidSo() async throws {
    let result = try await Command.run(["decode", #filePath])
    #expect(result.status == 1)
    #expect(result.error.contains("DecodeTests.swift: magic 0x"))
    let missing = try await Command.run(["decode", "/nonexistent.pcap"])
    #expect(missing.status == 1)
    #expect(missing.error.contains("/nonexistent.pcap: cannot be read"))
  }

  @Test func aCutCaptureShowsWhatItHasAndIsPartial() async throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: Self.capture("01-lctl-ping-o2ib")))
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pcap")
    try whole.dropLast(10).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let result = try await Command.run(["decode", file.path])
    #expect(result.status == 2)
    #expect(result.output.contains("CONNREQ"))
    #expect(result.output.contains("the file ends in record"))
    #expect(result.error.contains("1 of "))
  }
}
