// Property: `cluster up` connects everybody with everybody whom specification 00 names, says so, draws it, and leaves.
// Method: the built command with a few nodes; its counts, its drawings and its status.
import Foundation
import Testing

@Suite(.serialized) struct ClusterUpTests {
  private static func file(_ ending: String) -> String {
    FileManager.default.temporaryDirectory.path
      + "/cluster-\(UInt64.random(in: 0 ... .max)).\(ending)"
  }

  @Test func countsAreExact() async throws {
    let drawing = Self.file("svg")
    defer { try? FileManager.default.removeItem(atPath: drawing) }
    let result = try await Command.run([
      "cluster", "up", "--mds", "2", "--oss", "2", "--osts-per-oss", "2", "--clients", "3",
      "--once", "--graph", drawing,
    ])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("6 targets × 3 clients: 18 client exports of 18"))
    #expect(result.output.contains("imports of each client: 6 of 6"))
    // Clients, the proxies of both metadata targets.
    let row = result.output.split(separator: "\n").first { $0.hasPrefix("lfs-OST0003") }
    #expect(
      row?.split(separator: " ").map(String.init) == [
        "lfs-OST0003", "10.2.0.2@o2ib", "3", "0", "2", "0", "5", "5",
      ])
    let svg = try String(contentsOfFile: drawing, encoding: .utf8)
    #expect(svg.hasPrefix("<svg") && svg.hasSuffix("</svg>\n"))
    #expect(svg.contains(">lfs-OST0003</text>") && svg.contains("client 3 to lfs-MDT0001: mdc"))
  }

  @Test func aDrawingForGraphviz() async throws {
    let drawing = Self.file("dot")
    defer { try? FileManager.default.removeItem(atPath: drawing) }
    let result = try await Command.run([
      "cluster", "up", "--mds", "1", "--oss", "1", "--clients", "1", "--once", "--graph", drawing,
    ])
    #expect(result.status == 0, "\(result.error)")
    let dot = try String(contentsOfFile: drawing, encoding: .utf8)
    #expect(dot.hasPrefix("digraph cluster {"))
    #expect(dot.contains("\"lfs-MDT0000\" -> \"lfs-OST0000\" [label=\"osp\""))
    #expect(dot.contains("\"client 1\" -> \"lfs-OST0000\" [label=\"osc\""))
  }

  @Test func whatIsMissingIsAFailure() async throws {
    // Nobody is connected after a millisecond.
    let result = try await Command.run([
      "cluster", "up", "--clients", "2", "--once", "--deadline", "1ms",
    ])
    #expect(result.status == 1)
    #expect(result.error.contains("exports of role"))
  }

  @Test func anUnknownDrawingIsRefused() async throws {
    let result = try await Command.run(["cluster", "up", "--once", "--graph", "x.png"])
    #expect(result.status == 64)
    #expect(result.error.contains(".dot or .svg"))
  }
}
