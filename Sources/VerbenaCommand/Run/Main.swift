internal import ArgumentParser
internal import BenchKit
internal import Foundation

/// The process: runs the command line and maps what happened to an exit status.
@main
enum Main {
  static func main() async {
    do {
      var command = try VerbenaCommand.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let failure as CommandFailure {
      Streams.error("verbena: \(failure)\n")
      exit(failure.status.rawValue)
    } catch let error as OutputError {
      Streams.error("verbena: \(error)\n")
      exit(ExitStatus.failed.rawValue)
    } catch {
      VerbenaCommand.exit(withError: error)
    }
  }
}
