// Property: `--cpu` binds the node's loop to that processor, not the process, and refuses one that cannot be.
// Method: real nodes on a fabric; what the kernel says of their threads.
import Foundation
import Testing

@testable import VerbenaCommand

@Suite struct ProcessorTests {
  private struct Thread {
    var number: Int32
    var name: String
    var processors: String
  }

  /// The processors that each thread of a process may run on.
  private func threads(of process: Int32) throws -> [Thread] {
    let folder = "/proc/\(process)/task"
    return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { thread in
      // A thread may have ended since.
      guard let text = try? String(contentsOfFile: "\(folder)/\(thread)/status", encoding: .utf8)
      else { return nil }
      return Thread(
        number: Int32(thread) ?? 0, name: Self.value("Name", text),
        processors: Self.value("Cpus_allowed_list", text))
    }
  }

  private static func value(_ key: String, _ status: String) -> String {
    let line = status.split(separator: "\n").first { $0.hasPrefix("\(key):") } ?? ""
    return line.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
  }

  /// As this process was given them: a container may have few of the machine's.
  private static func allowed() throws -> String {
    value("Cpus_allowed_list", try String(contentsOfFile: "/proc/self/status", encoding: .utf8))
  }

  @Test func theLoopIsBound() async throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let allowed = try Self.allowed()
    let processor = try #require(allowed.split { $0 == "-" || $0 == "," }.last)
    let node = try NodeTests.Running(
      ["--fabric", place.fabric, "--bind", "10.0.3.1", "--cpu", "\(processor)"],
      environment: place.environment)
    let ping = try await place.run(["ping", "--fabric", place.fabric, "10.0.3.1@o2ib"])
    #expect(ping.status == 0, "\(ping.error)")
    let threads = try threads(of: node.process.processIdentifier)
    let loops = threads.filter { $0.name == "verbena loop" }
    #expect(loops.map(\.processors) == ["\(processor)"])
    #expect(node.firstLines.contains(", loop on CPU \(processor)"), "\(node.firstLines)")
    let first = try #require(threads.first { $0.number == node.process.processIdentifier })
    #expect(first.processors == allowed)
    #expect(node.terminate() == 0)
  }

  @Test func aProcessorThatIsNotThereIsRefused() async throws {
    let place = NodeTests.Place()
    defer { place.remove() }
    let result = try await place.run([
      "node", "--fabric", place.fabric, "--bind", "10.0.3.2", "--cpu", "4095",
    ])
    #expect(result.status == 64)
    #expect(result.error.contains("CPU 4095 (EINVAL (22))"), "\(result.error)")
    #expect(result.error.contains("may run on \(try Self.allowed())"), "\(result.error)")
  }

  @Test func anotherNUMANodeThanTheDevicesIsTold() {
    let place = NodePlace(
      transport: "verbs device mlx5_0", deviceNode: 1, processor: 3, processorNode: 0)
    #expect(place.text == "verbs device mlx5_0 (NUMA node 1), loop on CPU 3 (NUMA node 0)")
    #expect(place.advice?.contains("/sys/devices/system/node/node1/cpulist") == true)
    let near = NodePlace(
      transport: "verbs device mlx5_0", deviceNode: 1, processor: 9, processorNode: 1)
    #expect(near.advice == nil)
    let unknown = NodePlace(
      transport: "verbs device rxe0", deviceNode: nil, processor: nil, processorNode: nil)
    #expect(unknown.text == "verbs device rxe0")
    #expect(unknown.advice == nil)
  }
}
