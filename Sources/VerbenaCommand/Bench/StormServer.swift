internal import BenchKit
internal import CLinuxShims
internal import Foundation

/// A storm's server: a process of its own, which can be killed as a crash would end it.
///
/// It is this program again, as `bench storm-server`. It says on its standard output when it listens, and ends with
/// its standard input: so with whoever started it.
struct StormServer: Sendable {
  private let process: Int32
  private let input: Int32
  private let output: Int32
  /// When its listener began to accept, in nanoseconds of the host's monotonic clock.
  let listeningSince: UInt64

  /// Starts it and waits until it listens.
  static func start(
    _ arguments: [String], _ interruption: Interruption
  ) async throws -> StormServer {
    let lines = (["/proc/self/exe", "bench", "storm-server"] + arguments).joined(separator: "\n")
    var (input, output): (Int32, Int32) = (-1, -1)
    let process = unsafe clinux_process_start(lines, &input, &output)
    guard process > 0 else {
      throw CommandFailure(.failed, "the server's process cannot be started: errno \(-process)")
    }
    while true {
      let said = clinux_process_said(output)
      if said > 0 {
        return StormServer(
          process: process, input: input, output: output, listeningSince: UInt64(said))
      }
      guard said == 0, !interruption.isRequested else {
        await end(process, input, output)
        if interruption.isRequested { throw CommandFailure(.interrupted, "interrupted") }
        throw CommandFailure(.failed, "the server's process ended before it listened")
      }
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  /// Ends it, and returns when the system has taken back what it had.
  func kill() async { await Self.end(process, input, output) }

  private static func end(_ process: Int32, _ input: Int32, _ output: Int32) async {
    clinux_process_kill(process)
    while clinux_process_ended(process) == 0 {
      // Also of use when the caller is cancelled: the sleep returns then, and the process ends all the same.
      try? await Task.sleep(for: .milliseconds(1))
    }
    clinux_close(input)
    clinux_close(output)
  }

  var figures: ProcessFigures { ProcessFigures("\(process)") }
}

/// What a process takes of its host.
struct ProcessFigures {
  let threadCount: Int
  let residentBytes: Int
  let descriptorCount: Int
  /// Of all its threads so far, in the scheduler's ticks of 10 ms.
  let processorNanoseconds: UInt64

  init(_ process: String = "self") {
    let files = HostFiles()
    let folder = "/proc/\(process)"
    func number(_ key: String) -> Int {
      let words = (files.value(of: key, in: folder + "/status") ?? "").split(separator: " ")
      return words.first.flatMap { Int($0) } ?? 0
    }
    threadCount = number("Threads")
    residentBytes = number("VmRSS") << 10
    descriptorCount = files.names(folder + "/fd").count
    // Behind the name in parentheses: state, ten more, then user and system time.
    let stat = (files.text(folder + "/stat") ?? "").split(separator: ")").last ?? ""
    let fields = stat.split(separator: " ")
    let ticks = fields.count > 12 ? (UInt64(fields[11]) ?? 0) + (UInt64(fields[12]) ?? 0) : 0
    processorNanoseconds = ticks * 10_000_000
  }
}
