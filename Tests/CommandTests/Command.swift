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

  /// Ends the command when it takes longer than four minutes: a hang is a failure, not a wait. A task that is cancelled
  /// ends it too: with the one that waits for it.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], directory: URL? = nil
  ) async throws -> CommandResult {
    var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("VERBENA_") }
    variables.merge(environment) { $1 }
    let custom = variables.map { "\($0.key)=\($0.value)" }
    let files = try OutputFiles()
    defer { files.remove() }
    // Into files, not pipes: nobody drains a pipe while tests that compute have all of the pool's threads, and a
    // command with much to say would wait for that until its time is over.
    let result = try await Subprocess.run(
      .path("/usr/bin/env"),
      arguments: Arguments(
        ["-i"] + custom + [
          "sh", "-c",
          "o=$1; e=$2; shift 2; exec timeout 240 setpriv --pdeathsig KILL \"$@\" >\"$o\" 2>\"$e\"",
          "sh",
          files.output, files.error, path,
        ] + arguments),
      workingDirectory: directory.map { .init($0.path) }, output: .discarded, error: .discarded)
    let status: Int32 =
      switch result.terminationStatus {
      case .exited(let code): code
      case .signaled(let signal): 128 + signal
      }
    return CommandResult(
      status: status, output: try String(contentsOfFile: files.output, encoding: .utf8),
      error: try String(contentsOfFile: files.error, encoding: .utf8))
  }

  /// Where a command's output goes.
  private struct OutputFiles {
    let directory: String
    var output: String { directory + "/output" }
    var error: String { directory + "/error" }

    init() throws {
      directory =
        FileManager.default.temporaryDirectory.path
        + "/verbena-command-\(UInt64.random(in: 0 ... .max))"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(atPath: directory) }
  }

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func schema(_ name: String) throws -> SchemaValidator {
    try SchemaValidator(file: root.appendingPathComponent("Bench/Schemas/\(name).schema.json"))
  }
}
