/// Whose an import, a request, a lock or a callback is: the number that comes back in `ConnectionsEvent.tag`.
///
/// 4 bits say which part of the room, 12 which of its values, 16 what of it.
package struct OwnerTag: Equatable, BitwiseCopyable, Sendable {
  package enum Part: UInt8, BitwiseCopyable, Sendable {
    /// The program above this room: this room passes its events on.
    case program
    case managementClient
    case mount
    case link
    case server
    case object
  }

  package static let indexMax = 0xFFF
  package static let detailMax = 0xFFFF

  package var raw: UInt32

  package init(raw: UInt32) { self.raw = raw }

  /// - Parameters:
  ///   - index: 0 to `indexMax`.
  ///   - detail: 0 to `detailMax`; its meaning is the part's.
  package init(_ part: Part, _ index: Int = 0, detail: Int = 0) {
    precondition(index <= Self.indexMax && detail <= Self.detailMax)
    raw = UInt32(part.rawValue) << 28 | UInt32(index) << 16 | UInt32(detail)
  }

  /// What no part has made is the program's: its numbers are below 2²⁸.
  package var part: Part { Part(rawValue: UInt8(raw >> 28)) ?? .program }
  package var index: Int { Int(raw >> 16) & Self.indexMax }
  package var detail: Int { Int(raw) & Self.detailMax }
}
