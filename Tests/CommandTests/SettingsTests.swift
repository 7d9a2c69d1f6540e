// Property: a flag counts before a variable, a variable before the file, the file before the default; every value is
// checked, whoever set it, and a wrong one is answered with what is legal.
// Method: settings made from every combination of the four; the tunables' ranges at both ends.
import Foundation
import Testing
import VerbenaCommand

@Suite struct SettingsTests {
  static let file = """
    net:
      - net type: o2ib
        local NI(s):
          - nid: 10.0.0.1@o2ib
            tunables:
              peer_credits: 32
    """

  @Test(arguments: [false, true], [false, true])
  func precedence(hasFlag: Bool, hasVariable: Bool) throws {
    for hasFile in [false, true] {
      let node = try NodeSettings(
        flags: hasFlag ? ["peer-credits": "64"] : [:],
        environment: hasVariable ? ["VERBENA_PEER_CREDITS": "48"] : [:],
        file: hasFile ? try ConfigFile(path: "f", text: Self.file) : nil)
      let tunables = try #require(node.interfaces.first?.tunables)
      let entry = try #require(tunables.entries.first { $0.setting.name == "peer-credits" })
      if hasFlag {
        #expect(entry.text == "64" && entry.origin == .flag)
      } else if hasVariable {
        #expect(entry.text == "48" && entry.origin == .variable("VERBENA_PEER_CREDITS"))
      } else if hasFile {
        #expect(entry.text == "32" && entry.origin == .file(path: "f", line: 6))
      } else {
        #expect(entry.text == "8" && entry.origin == .standard)
      }
    }
  }

  @Test(arguments: [
    ("peer-credits", 8, 255), ("conns-per-peer", 1, 16), ("credits", 1, 65536),
    ("concurrent-sends", 0, 510), ("timeout", 1, 3600),
    ("keepalive", 0, 3600), ("retry-count", 0, 7), ("rnr-retry-count", 0, 7), ("tos", -1, 255),
  ])
  func rangesOfTheTunables(name: String, first: Int, last: Int) throws {
    func make(_ value: Int) throws -> NodeSettings {
      try NodeSettings(flags: [name: "\(value)"], environment: [:], file: nil)
    }
    for value in [first, last] { _ = try make(value) }
    for value in [first - 1, last + 1] {
      let failure = #expect(throws: CommandFailure.self) { try make(value) }
      #expect(failure?.status == .usage)
      #expect(failure?.description == "--\(name) '\(value)' must be \(first) to \(last)")
    }
  }

  @Test(arguments: [("device", "rxe0"), ("port", "2"), ("gid-index", "3")])
  func aFabricHasNoDevice(name: String, text: String) throws {
    func make(_ flags: [String: String], _ environment: [String: String] = [:]) throws {
      _ = try NodeSettings(flags: flags, environment: environment, file: nil)
    }
    let variable = "VERBENA_" + (name == "gid-index" ? "GID_INDEX" : name.uppercased())
    try make([name: text])
    let failure = #expect(throws: CommandFailure.self) { try make(["fabric": "f", name: text]) }
    #expect(failure?.status == .usage)
    let begin = "--\(name) \(text) (flag) is for an RDMA device"
    #expect(failure?.description.hasPrefix(begin) == true)
    #expect(throws: CommandFailure.self) { try make([:], ["VERBENA_FABRIC": "f", variable: text]) }
    // A fabric for once, in the place of the usual device.
    try make(["fabric": "f"], [variable: text])
  }

  @Test(arguments: ["", "8x", "0x8", "8.0", " 8"])
  func whatIsNoNumberIsSaidSo(text: String) throws {
    let failure = #expect(throws: CommandFailure.self) {
      try NodeSettings(flags: ["peer-credits": text], environment: [:], file: nil)
    }
    #expect(failure?.description.contains("is no whole number; it must be 8 to 255") == true)
  }

  @Test func theMTUIsOneOfTheFewThatVerbsKnow() throws {
    let failure = #expect(throws: CommandFailure.self) {
      try NodeSettings(flags: ["ib-mtu": "1500"], environment: [:], file: nil)
    }
    #expect(failure?.description == "--ib-mtu '1500' must be 0, 256, 512, 1024, 2048 or 4096")
  }

  @Test func anMTUOfOneConnectionIsRefusedRatherThanIgnored() throws {
    let failure = #expect(throws: CommandFailure.self) {
      try NodeSettings(flags: ["ib-mtu": "1024"], environment: [:], file: nil)
    }
    #expect(failure?.status == .usage)
    #expect(failure?.description.hasPrefix("ib-mtu 1024 (flag)") == true)
    #expect(failure?.description.contains("set that one (ip link set dev NAME mtu") == true)
  }

  @Test func everyDefaultIsLegal() throws {
    for setting in Setting.everyName where !setting.standard.isEmpty {
      #expect(setting.problem(with: setting.standard) == nil, "\(setting.name)")
    }
  }

  @Test func namesAndVariablesAreUnique() {
    let names = Setting.everyName.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(Setting.everyName.first { $0.name == "log-level" }?.variable == "VERBENA_LOG_LEVEL")
  }

  @Test func flagsStandInsteadOfTheFilesInterfaces() throws {
    let node = try NodeSettings(
      flags: ["bind": "10.0.0.7,eth1"], environment: [:],
      file: try ConfigFile(path: "f", text: Self.file))
    #expect(node.interfaces.map(\.bind) == ["10.0.0.7", "eth1"])
    #expect(node.interfaces.map(\.origin) == [.flag, .flag])
  }

  @Test func whatIsExportedReadsBackTheSame() throws {
    let node = try NodeSettings(
      flags: ["bind": "10.0.0.7,eth1", "peer-credits": "16", "fabric": "demo", "tos": "3"],
      environment: [:], file: nil)
    let again = try NodeSettings(
      flags: [:], environment: [:], file: try ConfigFile(path: "f", text: node.yaml))
    #expect(again.yaml == node.yaml)
    #expect(again.interfaces.map(\.bind) == node.interfaces.map(\.bind))
    #expect(
      again.interfaces.map { $0.tunables.entries.map(\.text) }
        == node.interfaces.map { $0.tunables.entries.map(\.text) })
    #expect(again.common.optionalText(Setting.everyName.first { $0.name == "fabric" }!) == "demo")
  }

  /// `info config` has a row for each command that differs, and says what a variable is to it.
  @Test func commandsHaveDefaultsOfTheirOwn() async throws {
    let result = try await Command.run(
      ["info", "config", "--json", "-"], environment: ["VERBENA_IN_FLIGHT": "200"])
    #expect(try Command.schema("config").problems(result.output) == [])
    let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    let rows = try #require(report?["ofCommands"] as? [[String: String]])
    func value(_ command: String, _ name: String) -> String? {
      rows.first { $0["command"] == command && $0["name"] == name }?["value"]
    }
    #expect(value("bench bulk", "size") == "4K..1M" && value("bench bulk", "warmup") == "10")
    #expect(value("bench connect", "iterations") == "1000")
    #expect(value("bench connect", "in-flight") == "200 (refused)")
    #expect(value("bench bulk", "in-flight") == "200")
    #expect(value("mount", "deadline") == "100s" && value("bench storm", "clients") == "100")
    #expect(value("bench bulk", "duration") == nil)
    let text = try await Command.run(["info", "config"])
    #expect(text.output.contains("Where a command has a default of its own"))
  }
}
