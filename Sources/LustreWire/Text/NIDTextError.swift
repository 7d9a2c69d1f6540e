/// Why a text is no NID, process id, network or range of NIDs.
public struct NIDTextError: Error, Hashable, Sendable {
  /// What is wrong with the text.
  public enum Problem: Hashable, Sendable {
    /// There is no text, or more than 1024 bytes of it.
    case length
    /// A number was expected.
    case expectedNumber
    /// A number is larger than what its place can hold.
    case numberTooLarge(maximum: UInt32)
    /// A character was expected here.
    case expected(Character)
    /// Text follows where it should end.
    case trailing
    /// The name of the network type is unknown.
    case unknownNetwork(String)
    /// The loopback network has no number and only address 0.
    case loopback
    /// A range runs backwards, or its step is 0.
    case emptyRange
    /// The range names more NIDs than were allowed.
    case tooMany(limit: Int)
  }

  /// The whole text.
  public var text: String
  /// At which byte of it the problem shows.
  public var offset: Int
  /// What is wrong.
  public var problem: Problem

  package init(text: String, offset: Int, problem: Problem) {
    self.text = text
    self.offset = offset
    self.problem = problem
  }
}

extension NIDTextError: CustomStringConvertible {
  /// The text, the place and the problem.
  public var description: String {
    "'\(text)' at byte \(offset): \(problem)"
  }
}

extension NIDTextError.Problem: CustomStringConvertible {
  /// What is wrong, in words.
  public var description: String {
    switch self {
    case .length: "expected 1 to \(TextCursor.maximumBytes) bytes"
    case .expectedNumber: "expected a number"
    case .numberTooLarge(let maximum): "number is above \(maximum)"
    case .expected(let character): "expected '\(character)'"
    case .trailing: "unexpected text behind the end"
    case .unknownNetwork(let name): "unknown network type '\(name)'"
    case .loopback: "lo has no number and only address 0"
    case .emptyRange: "range runs backwards or has step 0"
    case .tooMany(let limit): "names more than \(limit) NIDs"
    }
  }
}
