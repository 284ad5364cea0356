/** A JVM to attach to: it says that it is up and ends with its standard input. */
class Sleeper {
    public static void main(String[] args) throws Exception {
        System.out.println("up");
        while (System.in.read() >= 0) { }
    }
}
