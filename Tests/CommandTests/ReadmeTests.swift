// Property: the README's diagram and table of the driver are those of the tables it runs by.
// Method: both are drawn from the tables and looked for in the text.
import Foundation
import LustreWire
import O2IBLND
import Testing

@Suite struct ReadmeTests {
  private static func readme() throws -> String {
    try String(contentsOf: Command.root.appendingPathComponent("README.md"), encoding: .utf8)
  }

  /// Every step that leads to another state, as a Mermaid diagram; events with the same way stand together.
  static var diagram: String {
    let machine = ConnectionMachine()
    var lines = ["```mermaid", "stateDiagram-v2", "  [*] --> preparing: a message for the peer"]
    lines.append("  [*] --> replying: a connect request")
    for state in ConnectionState.allCases {
      for next in ConnectionState.allCases where next != state {
        let events = ConnectionEvent.allCases.filter { machine[state, $0].next == next }
        guard !events.isEmpty else { continue }
        let names = events.map { "\($0)" }.joined(separator: ", ")
        lines.append("  \(state) --> \(next == .free ? "[*]" : "\(next)"): \(names)")
      }
    }
    return (lines + ["```"]).joined(separator: "\n")
  }

  static var reactions: String {
    let table = RejectTable()
    let reasons: [RejectReason] = [
      .connectionRace, .noResources, .fatal, .incompatible, .stale, .fragments, .queueDepth,
      .invalidServiceID, .early,
    ]
    let rows = reasons.map { "| \($0) | \(text(table[$0])) |" }
    return (["| Reason | Reaction |", "|---|---|"] + rows).joined(separator: "\n")
  }

  private static func text(_ reaction: RejectReaction) -> String {
    switch reaction {
    case .fail: "what waits for the peer fails"
    case .reconnect: "again at once, with the peer's new incarnation"
    case .reconnectVersion: "again with the peer's version if it is ours too, else as FATAL"
    case .reconnectFragments: "again with the peer's number of fragments if that is fewer"
    case .reconnectDepth: "again with the peer's queue depth if that is less, and at least 8"
    case .reconnectLater: "again after a second"
    case .awaitPeer: "the peer's own connect wins; again if it does not come"
    }
  }

  @Test func theDiagramIsTheTable() throws {
    #expect(
      try Self.readme().contains(Self.diagram),
      "the block of connection states must be:\n\(Self.diagram)")
  }

  @Test func theReactionsAreTheTable() throws {
    #expect(
      try Self.readme().contains(Self.reactions),
      "the block of reject reactions must be:\n\(Self.reactions)")
  }

  @Test func everySubcommandIsNamed() throws {
    let readme = try Self.readme()
    for name in [
      "info", "node", "ping", "discover", "bench connect", "bench message", "bench bulk",
      "bench rpc", "bench storm", "cluster up",
    ] {
      #expect(readme.contains("`\(name)"), "\(name)")
    }
  }

  @Test func everyExitStatusIsNamed() throws {
    let readme = try Self.readme()
    for status in [0, 1, 2, 64, 69, 70, 75, 77, 130] {
      #expect(readme.contains(" \(status) "), "\(status)")
    }
  }
}
