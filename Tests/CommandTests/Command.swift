// Runs the built command as a user would.
import Foundation
import Subprocess

struct CommandResult: Sendable {
  var status: Int32
  var output: String
  var error: String
}

enum Command {
  /// The binary beside the test bundle.
  static var path: String { path(of: "verbena") }

  /// A program of the package, beside the test bundle too.
  static func path(of program: String) -> String {
    let bundle = CommandLine.arguments[0]
    var folder = URL(fileURLWithPath: bundle).deletingLastPathComponent()
    for _ in 0..<6 {
      let candidate = folder.appendingPathComponent(program).path
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
      folder = folder.deletingLastPathComponent()
    }
    return program
  }

  /// Ends the command when it takes longer than a minute: a hang is a failure, not a wait.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], directory: URL? = nil
  ) async throws -> CommandResult {
    var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("VERBENA_") }
    variables.merge(environment) { $1 }
    let custom = variables.map { "\($0.key)=\($0.value)" }
    let result = try await Subprocess.run(
      .path("/usr/bin/env"),
      arguments: Arguments(["-i"] + custom + ["timeout", "60", path] + arguments),
      workingDirectory: directory.map { .init($0.path) },
      output: .string(limit: 16 << 20), error: .string(limit: 1 << 20))
    let status: Int32 =
      switch result.terminationStatus {
      case .exited(let code): code
      case .signaled(let signal): 128 + signal
      }
    return CommandResult(
      status: status, output: result.standardOutput, error: result.standardError)
  }

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func schema(_ name: String) throws -> SchemaValidator {
    try SchemaValidator(file: root.appendingPathComponent("Bench/Schemas/\(name).schema.json"))
  }
}
