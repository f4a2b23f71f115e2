"""What a lab is made of: packages, programs and images, downloaded or built, then cached."""
