internal import CLinuxShims
package import LustreWire
package import Verbena

/// Latency of messages as a program that uses the library has it: `Node.put`, with its ACK, and `Node.get`, each awaited
/// by a task before the next one. The other measurements are programs on the node's loop.
package struct CallBench: Sendable {
  package var target: NID
  package var byteCounts: [Int]
  package var iterations: Int
  package var warmup: Int
  package var durationNanoseconds: UInt64
  package var measuresPut: Bool
  package var measuresGet: Bool
  /// A call costs so much more than a message that more of them would take most of the time.
  private static let iterationsMax = 10_000

  package init(_ bench: MessageBench) {
    target = bench.target
    byteCounts = bench.byteCounts
    iterations = min(bench.iterations, Self.iterationsMax)
    warmup = min(bench.warmup, iterations)
    durationNanoseconds = bench.durationNanoseconds
    measuresPut = bench.measuresPut
    measuresGet = bench.measuresGet
  }

  /// Runs all of it from a node and files the table and the series.
  package func report(
    into report: inout BenchReport, from node: Node, isStopped: () -> Bool
  ) async throws {
    var table = Table(
      [.init("call", isNumber: false), .init("size", unit: "B")] + LatencySummary.columns)
    defer {
      if !table.rows.isEmpty {
        report.tables.append(("Through the public API (one call awaited after the other)", table))
      }
    }
    for byteCount in byteCounts {
      for isGet in [false, true] where (isGet ? measuresGet : measuresPut) && !isStopped() {
        let latency = try await latency(byteCount, isGet: isGet, node, isStopped)
        let name = isGet ? "Node.get" : "Node.put"
        table.add([name, "\(byteCount)"] + latency.summary.cells)
        report.series.append(
          BenchSeries(name: name, labels: [("bytes", .integer(byteCount))], latency: latency))
        report.summary +=
          "; \(name) of \(byteCount) B: median \(Fixed.microseconds(latency.summary.p50)) us"
      }
    }
  }

  private func latency(
    _ byteCount: Int, isGet: Bool, _ node: Node, _ isStopped: () -> Bool
  ) async throws -> LatencyRecorder {
    let session = UInt32.random(in: 1 ... .max)
    let place = TransferTarget(
      nid: target, portal: BenchWire.service,
      matchBits: BenchWire.matchBits(isGet ? .pattern : .discard, session: session))
    var latency = LatencyRecorder()
    var buffer = try await node.allocate(byteCount: max(1, byteCount))
    var countedAt = clinux_monotonic_nanoseconds()
    for number in 0..<warmup + iterations where !isStopped() {
      let begun = clinux_monotonic_nanoseconds()
      if number == warmup { countedAt = begun }
      let isOver = durationNanoseconds > 0 && begun - countedAt >= durationNanoseconds
      if number > warmup, isOver { break }
      let result: Result<Int, NodeError>
      if isGet {
        let transfer = await node.get(into: buffer, byteCount: byteCount, from: place)
        result = transfer.result
        buffer = transfer.takeBuffer()
      } else {
        let transfer = await node.put(buffer, byteCount: byteCount, to: place)
        result = transfer.result
        buffer = transfer.takeBuffer()
      }
      _ = try result.get()
      if number >= warmup { latency.record(clinux_monotonic_nanoseconds() - begun) }
    }
    return latency
  }
}
