// Property: the command ends with the exit codes that its manual names, and says why on standard error.
// Method: the built binary is run with good and bad command lines.
import Foundation
import Testing

@Suite struct ExitCodeTests {
  @Test(arguments: [
    ["--help"], ["--version"], ["help", "info"], ["info"], ["info", "config"],
    ["info", "--json", "-"],
    ["decode", "--help"], ["node", "--help"], ["ping", "--help"], ["discover", "--help"],
    ["bench", "--help"], ["bench", "connect", "--help"], ["bench", "message", "--help"],
    ["bench", "bulk", "--help"],
  ])
  func success(arguments: [String]) async throws {
    let result = try await Command.run(arguments)
    #expect(result.status == 0, "\(result.error)")
    #expect(!result.output.isEmpty)
    #expect(result.error.isEmpty)
  }

  @Test(arguments: [
    (["frobnicate"], "frobnicate"), (["info", "--frob"], "--frob"),
    (["info", "--service", "70000"], "must be 1 to 65535"),
    (["info", "config", "--peer-credits", "4"], "must be 8 to 255"),
    (["info", "config", "--net", "tcp"], "o2ib"),
    (["info", "config", "--config", "/nonexistent.yaml"], "/nonexistent.yaml"),
    (["info", "config", "--peer-credits-hiw", "9"], "peer-credits, which is 8"),
    (["info", "config", "--tos", "-2"], "-1 to 255"),
    (["info", "config", "--yaml"], "--bind"),
    (["decode"], "file"),
    (["cluster", "up", "--timing", "slow"], "must be"),
    (["connect", "10.0.0.1@o2ib", ""], "'' is no target"),
    (["connect", "10.0.0.1@o2ib", "lfs"], "'lfs' is no target"),
    (["object", "put", "10.0.0.1@o2ib", "MGS", "file"], "'MGS' is no object target"),
    (["object", "rm", "10.0.0.1@o2ib", "lfs-MDT0000", "0x2:0x1"], "is no object target"),
    (["connect", "10.0.0.[1-9]@o2ib", "lfs-OST0000"], "is 9 NIDs; a target has 1 to 8"),
    (["ping", "--fabric", "a/b", "10.0.0.1@o2ib"], "must have 1 to 32 of"),
    (["node", "--fabric", "a/b", "--bind", "10.0.0.1"], "must have 1 to 32 of"),
    (["node", "--fabric", "demo", "--bind", "0.0.0.0"], "no address that one node can have"),
    (["node", "--fabric", "demo", "--bind", "255.255.255.255"], "no address that one node can"),
  ])
  func usage(arguments: [String], named: String) async throws {
    let result = try await Command.run(arguments)
    #expect(result.status == 64)
    #expect(result.error.contains(named), "\(result.error)")
    #expect(result.output.isEmpty)
  }

  @Test func aVariableOutOfItsRangeIsNamed() async throws {
    let result = try await Command.run(["info"], environment: ["VERBENA_SERVICE": "x"])
    #expect(result.status == 64)
    #expect(result.error.contains("VERBENA_SERVICE='x'"))
  }

  /// Before the measurement, not after it: this one would take an hour.
  @Test(arguments: ["--json", "--csv", "--hgrm"])
  func aBenchmarkThatCannotBeWrittenDoesNotBegin(flag: String) async throws {
    let result = try await Command.run(
      ["bench", "bulk", "-D", "1h", flag, "/nonexistent/x", "--force"])
    #expect(result.status == 1)
    #expect(result.error.contains("/nonexistent/x"))
  }

  @Test func aVariableThatNobodyHasIsNamed() async throws {
    let result = try await Command.run(
      ["bench", "bulk", "-n", "2", "-s", "4K", "--warmup", "0", "--force"],
      environment: ["VERBENA_ITERATION": "7"])
    #expect(result.status == 0)
    #expect(result.error.contains("VERBENA_ITERATION is set, but no setting has this name"))
  }

  @Test func aResultThatCannotBeWrittenIsAFailure() async throws {
    let result = try await Command.run(["info", "--json", "/nonexistent/x.json"])
    #expect(result.status == 1)
    #expect(result.error.contains("/nonexistent/x.json"))
  }
}
