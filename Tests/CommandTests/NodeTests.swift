// Property: a node serves until SIGTERM and ends with status 0; ping, discover and bench reach it from another
// process, through a fabric and through a running node's control socket.
// Method: real processes on a fabric and in a runtime directory of the test's own.
import Foundation
import Subprocess
import Testing

@Suite(.serialized) struct NodeTests {
  /// A running node, killed when the test is done with it.
  final class Running {
    let process = Process()
    private let output = Pipe()
    /// What it said until it was ready.
    let firstLines: String

    /// Returns once the node says that it is ready.
    init(
      _ arguments: [String], environment: [String: String], standardError: Pipe? = nil
    ) throws {
      process.executableURL = URL(fileURLWithPath: Command.path)
      process.arguments = ["node"] + arguments
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.standardOutput = output
      if let standardError { process.standardError = standardError }
      try process.run()
      var text = ""
      while !text.contains("ready") {
        let data = output.fileHandleForReading.availableData
        guard !data.isEmpty else { throw CocoaError(.featureUnsupported) }
        text += String(decoding: data, as: UTF8.self)
      }
      firstLines = text
    }

    func terminate() -> Int32 {
      process.terminate()
      process.waitUntilExit()
      return process.terminationStatus
    }

    deinit { if process.isRunning { process.terminate() } }
  }

  /// What keeps this run apart from others on the host.
  struct Place {
    let fabric = "test-\(UInt32.random(in: 0 ... .max))"
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "verbena-\(UInt32.random(in: 0 ... .max))")
    var environment: [String: String] { ["VERBENA_RUNTIME_DIRECTORY": folder.path] }

    func run(_ arguments: [String]) async throws -> CommandResult {
      try await Command.run(arguments, environment: environment)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }
  }

  @Test func pingDiscoverAndBenchFromAnotherProcess() async throws {
    let place = Place()
    defer { place.remove() }
    let node = try Running(
      ["--fabric", place.fabric, "--bind", "10.0.0.1"], environment: place.environment)
    let target = "10.0.0.1@o2ib"

    let ping = try await place.run(["ping", "--fabric", place.fabric, target, "--json", "-"])
    #expect(ping.status == 0, "\(ping.error)")
    #expect(try Command.schema("ping").problems(ping.output) == [])
    #expect(ping.output.contains("\"answered\": true"))

    let discover = try await place.run(["discover", "--fabric", place.fabric, target])
    #expect(discover.status == 0)
    #expect(discover.output.hasPrefix("discover:\n    - primary nid: 10.0.0.1@o2ib\n"))
    let json = try await place.run(["discover", "--fabric", place.fabric, target, "--json", "-"])
    #expect(try Command.schema("discover").problems(json.output) == [])

    let bench = try await place.run([
      "bench", "bulk", "--fabric", place.fabric, target, "-n", "3", "-s", "64K", "--force",
    ])
    #expect(bench.status == 0, "\(bench.error)")
    #expect(bench.output.contains("checksums"))

    let partial = try await place.run([
      "ping", "--fabric", place.fabric, target, "10.0.0.9@o2ib", "--deadline", "20s",
    ])
    #expect(partial.status == 2)
    #expect(node.terminate() == 0)
  }

  /// The pause would outlast the test.
  @Test(arguments: ["INT", "TERM"])
  func aSignalEndsAWatch(signal: String) async throws {
    let place = Place()
    defer { place.remove() }
    let story = """
      set -m; v=$1; n="--fabric $2 --bind 10.0.0.1"
      coproc server { exec "$v" serve $n --mgs; }
      read -r -t 60 -u "${server[0]}" line || exit 8
      coproc watch { exec "$v" target show --watch 1h $n 2>&1; } 2>/dev/null
      read -r -t 60 -u "${watch[0]}" line || exit 9
      echo "$line"
      kill -$3 $watch_PID; wait $watch_PID; echo "ended with $?"
      kill $server_PID; wait $server_PID
      """
    let result = try await Subprocess.run(
      .path("/usr/bin/timeout"),
      arguments: ["120", "bash", "-c", story, "bash", Command.path, place.fabric, signal],
      environment: .inherit.updating(["VERBENA_RUNTIME_DIRECTORY": place.folder.path]),
      output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
    #expect(result.standardOutput == "targets:\nended with 130\n", "\(result.standardError)")
  }

  @Test func commandsGoThroughARunningNode() async throws {
    let place = Place()
    defer { place.remove() }
    let far = try Running(
      ["--fabric", place.fabric, "--bind", "10.0.1.1"], environment: Place().environment)
    let near = try Running(
      ["--fabric", place.fabric, "--bind", "10.0.1.2"], environment: place.environment)
    let ping = try await place.run(["ping", "10.0.1.1@o2ib", "--json", "-"])
    #expect(ping.status == 0, "\(ping.error)")
    #expect(ping.output.contains("\"from\": \"10.0.1.2@o2ib\""))
    let bench = try await place.run([
      "bench", "message", "10.0.1.1@o2ib", "-n", "20", "--warmup", "2", "--force",
    ])
    #expect(bench.status == 0, "\(bench.error)")
    #expect(bench.output.contains("running node 10.0.1.2@o2ib"))
    let paced = try await place.run([
      "bench", "bulk", "10.0.1.1@o2ib", "-n", "20", "-s", "4K", "--rate", "1000", "--force",
    ])
    #expect(paced.status == 0, "\(paced.error)")
    #expect(paced.output.contains("running node 10.0.1.2@o2ib"))
    // What only a node of the command's own can do is refused, with what to do instead.
    let refused = try await place.run(["bench", "connect", "10.0.1.1@o2ib"])
    #expect(refused.status == 64)
    #expect(refused.error.contains("10.0.1.2@o2ib"))
    #expect(refused.error.contains("give another address with --bind"), "\(refused.error)")
    let watched = try await place.run([
      "bench", "bulk", "10.0.1.1@o2ib", "-n", "50", "--warmup", "0", "-s", "4K", "--checksum",
      "off", "--rate", "100", "--interval", "50ms", "--force", "--quiet",
    ])
    #expect(watched.status == 0, "\(watched.error)")
    let rows = watched.error.split(separator: "\n")
    #expect(rows.first?.hasPrefix("interval") == true)
    let counts = rows.dropFirst().compactMap { row in
      row.split(separator: " ", omittingEmptySubsequences: true).dropFirst(3).first
        .flatMap { Int($0) }
    }
    #expect(counts.count >= 3 && counts == counts.sorted() && (counts.last ?? 0) > 0)
    let other = try await place.run([
      "bench", "connect", "--fabric", place.fabric, "--bind", "10.0.1.3", "10.0.1.1@o2ib", "-n",
      "4",
      "--in-flight", "2", "--warmup", "2", "--force",
    ])
    #expect(other.status == 0, "\(other.error)")

    let second = try await place.run(["node", "--fabric", place.fabric, "--bind", "10.0.1.2"])
    #expect(second.status == 64)
    #expect(second.error.contains("\(near.process.processIdentifier)"))
    #expect(near.terminate() == 0)
    #expect(far.terminate() == 0)
  }

  @Test func aSignalShowsTheState() async throws {
    let place = Place()
    defer { place.remove() }
    let log = Pipe()
    let node = try Running(
      ["--fabric", place.fabric, "--bind", "10.0.2.1"], environment: place.environment,
      standardError: log)
    let ping = try await place.run(["ping", "--fabric", place.fabric, "10.0.2.1@o2ib"])
    #expect(ping.status == 0)
    kill(node.process.processIdentifier, SIGUSR1)
    var text = ""
    while !text.contains("lnet:\n") {
      let data = log.fileHandleForReading.availableData
      guard !data.isEmpty else { break }
      text += String(decoding: data, as: UTF8.self)
    }
    #expect(text.contains("nids: [10.0.2.1@o2ib]"))
    #expect(text.contains("establishedPassive: 1"))
    #expect(node.terminate() == 0)
  }

  @Test func aNodeOnAFabricNeedsAnAddress() async throws {
    let result = try await Place().run(["node", "--fabric", "x"])
    #expect(result.status == 64)
    #expect(result.error.contains("--bind"))
  }
}
