// Property: a thread that a bound one starts may run wherever the process may.
// Method: threads that read what the kernel says of them.
import Foundation
import Testing

@testable import Verbena

@Suite struct LoopThreadTests {
  /// The processors that the calling thread may run on.
  private static func allowed() -> String {
    let text = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") } ?? ""
    return line.split(separator: "\t").last.map(String.init) ?? ""
  }

  @Test func aBoundThreadPassesItsProcessorOnToNobody() async throws {
    let process = Self.allowed()
    let processor = try #require(process.split { $0 == "-" || $0 == "," }.last.flatMap { Int($0) })
    let bound = Call<String>()
    let inner = Call<String>()
    try LoopThread.start(name: "bound") {
      do throws(NodeError) {
        try LoopThread.bind(to: processor)
        bound.finish(.success(Self.allowed()))
        try LoopThread.start(name: "inner") { inner.finish(.success(Self.allowed())) }
      } catch {
        bound.finish(.failure(error))
        inner.finish(.failure(error))
      }
    }
    #expect(try await bound.outcome().get() == "\(processor)")
    #expect(try await inner.outcome().get() == process)
  }
}
