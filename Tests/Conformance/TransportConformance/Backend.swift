package import RDMATransport

/// What the suite needs to know of a backend.
package struct Backend<T: RDMATransport & ~Copyable> {
  package enum Side: Sendable { case server, client }

  package var name: String
  /// Makes a transport for one side; called anew for every case.
  package var make: (Side) throws -> T
  /// The local IPv4 address of a side, in host order.
  package var address: (Side) -> UInt32
  /// An address of the fabric where nobody is; nil where there is none.
  package var silentAddress: UInt32?

  package init(
    name: String, silentAddress: UInt32? = nil, address: @escaping (Side) -> UInt32,
    make: @escaping (Side) throws -> T
  ) {
    self.name = name
    self.silentAddress = silentAddress
    self.address = address
    self.make = make
  }
}

/// How a case ended.
package enum Outcome: Equatable, Sendable {
  case passed
  case failed(String)
  /// A capability is missing: which one.
  case skipped(String)
}

/// What ends a case early.
package enum Stop: Error {
  case failure(String)
  case skip(String)
}

func expect(
  _ condition: Bool, _ message: @autoclosure () -> String, line: Int = #line
) throws {
  if !condition { throw Stop.failure("\(message()) (line \(line))") }
}

func expectEqual<V: Equatable>(
  _ value: V, _ expected: V, _ what: @autoclosure () -> String, line: Int = #line
) throws {
  if value != expected {
    throw Stop.failure("\(what()): \(value), expected \(expected) (line \(line))")
  }
}
