// Property: a configuration file is read whole or refused with the line that is wrong and what is legal there.
// Method: good files, and a table of bad ones with the message that each must give.
import Testing
import VerbenaCommand

@Suite struct ConfigFileTests {
  @Test func aFileInTheDialectOfLnetctl() throws {
    let file = try ConfigFile(
      path: "lnet.yaml",
      text: """
        # two rails
        net:
          - net type: o2ib
            local NI(s):
              - nid: 10.0.0.1@o2ib
                tunables:
                  peer_credits: 32
                  credits: 1024
                lnd tunables:
                  peer_credits_hiw: 16
                  conns_per_peer: 4
              - interfaces:
                  0: eth1
          - net type: o2ib1
            local NI(s):
              - nid: 10.1.0.1@o2ib1
        verbena:
          fabric: demo
          log_level: info
        """)
    #expect(file.interfaces.map(\.net) == ["o2ib", "o2ib", "o2ib1"])
    #expect(file.interfaces.map(\.bind.text) == ["10.0.0.1", "eth1", "10.1.0.1"])
    #expect(file.interfaces.map(\.bind.line) == [5, 13, 16])
    let first = file.interfaces[0].values
    #expect(first["peer-credits"] == .init(text: "32", line: 7))
    #expect(first["conns-per-peer"] == .init(text: "4", line: 11))
    #expect(file.values["log-level"] == .init(text: "info", line: 19))
  }

  @Test func anEmptyFileSetsNothing() throws {
    let file = try ConfigFile(path: "f", text: "# nothing\n")
    #expect(file.interfaces.isEmpty && file.values.isEmpty)
  }

  static let head = "net:\n  - net type: o2ib\n    local NI(s):\n      - nid: 10.0.0.1@o2ib\n"

  static let bad: [(text: String, message: String)] = [
    ("nett: 1\n", "f:1: unknown key 'nett'; the keys here are net, verbena"),
    (
      "verbena:\n  log_level: info\n  colour: red\n",
      "f:3: unknown key 'colour'; the keys here are "
    ),
    ("verbena:\n  log_level: loud\n", "f:2: log_level 'loud' must be trace, debug, "),
    (
      head + "        tunables:\n          peer_credit: 8\n",
      "f:6: unknown key 'peer_credit'; the keys here are peer_credits, credits"
    ),
    (
      head + "        tunables:\n          peer_credits: 7\n",
      "f:6: peer_credits '7' must be 8 to 255"
    ),
    (
      head + "        lnd tunables:\n          retry_count: many\n",
      "f:6: retry_count 'many' is no whole number; it must be 0 to 7"
    ),
    (head + "        mtu: 1\n", "f:5: unknown key 'mtu'"),
    (head + "        tunables: 5\n", "f:5: tunables must be a mapping"),
    (head + "        tunables:\n          credits: [1]\n", "f:6: credits must be one value"),
    ("net:\n  - net type: tcp\n", "f:2: net type 'tcp' is not supported"),
    ("net:\n  - local NI(s): []\n", "f:2: an entry of net needs 'net type'"),
    ("net:\n  - net type: o2ib\n", "f:2: net type 'o2ib' needs 'local NI(s)'"),
    (
      "net:\n  - net type: o2ib\n    local NI(s):\n      - nid: 10.0.0.1@tcp\n",
      "f:4: nid '10.0.0.1@tcp' is not on net type 'o2ib'"
    ),
    (
      "net:\n  - net type: o2ib\n    local NI(s):\n      - tunables:\n          credits: 9\n",
      "f:4: a local NI needs a nid or interfaces"
    ),
    (
      "net:\n  - net type: o2ib\n    local NI(s):\n      - interfaces:\n          1: eth0\n",
      "f:5: interfaces '1': one interface"
    ),
    ("net: o2ib\n", "f:1: net must be a list"),
    ("- net\n", "f:1: the file must be a mapping"),
    ("verbena:\n  fabric: a\n  spin: 1us\n  fabric: b\n", "f:4: key 'fabric' stands twice"),
    ("verbena:\n  fabric: a\nverbena:\n  spin: 1us\n", "f:3: key 'verbena' stands twice"),
    ("net: [\n", "f:2: "),
    ("a: b: c\n", "f:1: mapping values are not allowed"),
  ]

  @Test(arguments: bad.indices)
  func badFiles(index: Int) throws {
    let (text, message) = Self.bad[index]
    let failure = #expect(throws: CommandFailure.self) { try ConfigFile(path: "f", text: text) }
    #expect(failure?.status == .usage)
    #expect(failure?.description.contains(message) == true, "\(failure?.description ?? "none")")
  }
}
