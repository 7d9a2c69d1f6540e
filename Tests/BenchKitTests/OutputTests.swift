// Property: tables, CSV and JSON look exactly as their readers expect.
// Method: golden texts.
import BenchKit
import Foundation
import Testing

@Suite struct OutputTests {
  static var sizes: Table {
    var table = Table([
      .init("operation", isNumber: false), .init("size", unit: "B"), .init("p50", unit: "us"),
    ])
    table.add(["PUT", "64", "1.25"])
    table.add(["a, \"b\"", "1048576", "12345.00"])
    table.add(["GET"])
    return table
  }

  @Test func tablesAreAlignedWithUnitsInTheHeading() {
    #expect(
      Self.sizes.text == """
        operation  size [B]  p50 [us]
        PUT              64      1.25
        a, "b"      1048576  12345.00
        GET

        """)
  }

  @Test func csvQuotesWhatNeedsIt() {
    #expect(
      Self.sizes.csv == """
        operation,size [B],p50 [us]
        PUT,64,1.25
        "a, ""b\""",1048576,12345.00
        GET,,

        """)
  }

  @Test func blocksAlignTheirValues() {
    #expect(Block.text([("a", "1"), ("long", "2")]) == "a:    1\nlong: 2\n")
  }

  @Test(arguments: [
    (0.0, 2, "0.00"), (1.005, 1, "1.0"), (1.25, 1, "1.3"), (-0.001, 2, "0.00"),
    (-1.5, 0, "-2"), (1234567.891, 3, "1234567.891"), (0.05, 2, "0.05"),
    (Double.infinity, 2, "-"),
  ])
  func fixedNumbers(value: Double, places: Int, text: String) {
    #expect(Fixed.text(value, places: places) == text)
  }

  @Test func groupedNumbers() {
    #expect(
      [0, 999, 1000, 1_234_567].map { Fixed.grouped($0) } == ["0", "999", "1 000", "1 234 567"])
  }

  @Test func jsonKeepsOrderAndEscapes() throws {
    let value = JSONValue.object([
      "b": .integer(1), "a": .array([.integer(1), .string("x")]),
      "list": .array([.object(["k": .null]), .object([:])]), "t": .string("\"\\\n\u{1}é"),
      "f": .number(0.5), "n": .number(.nan), "u": .unsigned(.max), "e": .array([]),
    ])
    #expect(
      value.text == """
        {
          "b": 1,
          "a": [1, "x"],
          "list": [
            {
              "k": null
            },
            {}
          ],
          "t": "\\"\\\\\\n\\u0001é",
          "f": 0.5,
          "n": null,
          "u": 18446744073709551615,
          "e": []
        }
        """)
    let parsed = try JSONSerialization.jsonObject(with: Data(value.line.utf8)) as? [String: Any]
    #expect(parsed?["t"] as? String == "\"\\\n\u{1}é")
    #expect(!value.line.contains("\n"))
  }
}
