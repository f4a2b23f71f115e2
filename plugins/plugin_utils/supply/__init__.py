"""What a lab is made of: packages, programs and images, fetched or built, and kept in the cache."""
