package import RDMATransport

/// The contract of `RDMATransport` as cases: the same assertions on every backend.
package struct Suite<T: RDMATransport & SendableMetatype & ~Copyable> {
  package struct Case {
    package let name: String
    let body: (inout Pair<T>) throws -> Void

    init(_ name: String, _ body: @escaping (inout Pair<T>) throws -> Void) {
      self.name = name
      self.body = body
    }
  }

  private let backend: Backend<T>
  /// The listener's port of the first case.
  private static var firstPort: UInt16 { 7000 }

  package init(_ backend: Backend<T>) { self.backend = backend }

  package static var cases: [Case] {
    connectCases + messageCases + memoryCases + errorCases + lifeCases + wakeCases
      + allocationCases
  }

  /// Runs one case on two new transports.
  package func run(_ name: String) -> Outcome {
    guard let index = Self.cases.firstIndex(where: { $0.name == name }) else {
      return .failed("there is no such case")
    }
    do {
      var pair = try Pair(backend, port: Self.firstPort + UInt16(index))
      try Self.cases[index].body(&pair)
      return .passed
    } catch Stop.failure(let reason) {
      return .failed(reason)
    } catch Stop.skip(let reason) {
      return .skipped(reason)
    } catch {
      return .failed("\(error)")
    }
  }

  /// Runs the cases whose names contain a text, and prints a line for each and their count.
  ///
  /// - Returns: how many failed.
  package func runAll(matching filter: String = "", print: (String) -> Void) -> Int {
    var passed = 0
    var failed = 0
    var skipped = 0
    for name in Self.cases.map(\.name) where filter.isEmpty || name.contains(filter) {
      switch run(name) {
      case .passed:
        passed += 1
        print("ok \(name)")
      case .failed(let reason):
        failed += 1
        print("FAIL \(name): \(reason)")
      case .skipped(let reason):
        skipped += 1
        print("skip \(name): \(reason)")
      }
    }
    print("\(passed) passed, \(failed) failed, \(skipped) skipped")
    return failed
  }
}
