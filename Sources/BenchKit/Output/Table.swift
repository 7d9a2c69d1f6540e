/// A table for people: one unit per column, named in the heading; numbers to the right.
package struct Table: Equatable, Sendable {
  package struct Column: Equatable, Sendable {
    package var title: String
    package var unit: String
    package var isNumber: Bool

    package init(_ title: String, unit: String = "", isNumber: Bool = true) {
      self.title = title
      self.unit = unit
      self.isNumber = isNumber
    }

    var heading: String { unit.isEmpty ? title : "\(title) [\(unit)]" }
  }

  package var columns: [Column]
  package private(set) var rows: [[String]] = []

  package init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row; missing cells stay empty.
  package mutating func add(_ cells: [String]) {
    precondition(cells.count <= columns.count, "more cells than columns")
    rows.append(cells + Array(repeating: "", count: columns.count - cells.count))
  }

  /// The lines, each with its newline; two blanks between columns, none at the end of a line.
  package var text: String {
    let headings = columns.map(\.heading)
    let widths = columns.indices.map { column in
      rows.reduce(headings[column].count) { max($0, $1[column].count) }
    }
    var text = line(headings, widths) + "\n"
    for row in rows { text += line(row, widths) + "\n" }
    return text
  }

  /// The same as comma-separated values with a heading line (RFC 4180).
  package var csv: String {
    let lines = [columns.map(\.heading)] + rows
    return lines.map { $0.map(Self.quoted).joined(separator: ",") + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var text = ""
    for (column, cell) in cells.enumerated() {
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      text +=
        (column > 0 ? "  " : "") + (columns[column].isNumber ? padding + cell : cell + padding)
    }
    while text.last == " " { text.removeLast() }
    return text
  }

  private static func quoted(_ cell: String) -> String {
    guard cell.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return cell }
    return "\""
      + cell.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}

/// Names and values above or below a table, the values aligned.
package enum Block {
  package static func text(_ pairs: [(name: String, value: String)]) -> String {
    let width = pairs.reduce(0) { max($0, $1.name.count) }
    return pairs.map { name, value in
      let padding = String(repeating: " ", count: width - name.count)
      return "\(name):\(padding) \(value)\n"
    }.joined()
  }
}
